"""The loss for balance is transformers' own, over the whole step."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.models.batches import packed, random_samples
from tests.parallel.test_shard import PROBED
from tests.tiny import LLAMA
from whet.base.catalogue import model_source, objective, optimizer
from whet.base.errors import ModelError
from whet.contracts.example import sample_of
from whet.contracts.model import Models
from whet.data.order.collate import collate
from whet.models.features.balance import RouterTotals
from whet.models.features.carried import install
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.objectives.balanced import ROUTED, Balanced
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.world import World
from whet.train.step.executor import DataParallel
from whet.train.step.frozen import Frozen

MIXED = {
    **LLAMA, "vocab_size": 100, "model_type": "mixtral", "num_local_experts": 4, "num_experts_per_tok": 2,
    "initializer_range": 0.2, "router_aux_loss_coef": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def told():
    return RouterTotals()


@pytest.fixture(scope="module")
def built(told):
    loaded = filled(model_source.get("hf").build(BuildContext(seed=3, verdict=PROBED), init=MIXED))
    install(loaded, told)
    loss = Balanced(objective.get("sft").build(), told, 0.5)
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles), lr=0.0))
    return loaded, DataParallel(
        World(torch.device("cpu")), Models(loaded.model), loss, update, loaded.module, 0, 0.0, None
    )


def gradients(module):
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def test_loss_and_gradient_are_those_of_transformers(built):
    loaded, train = built
    [sample] = random_samples([23], 100, seed=1)
    batch = packed([sample])
    train.gradients([batch])
    ours, ids = gradients(loaded.module), batch.text.ids[None]
    told = train.step(0, [batch], train.weigh([batch], {})[0], 1.0)
    labels = torch.where(batch.text.weights > 0, batch.text.targets, -100)[None]
    theirs = loaded.module(input_ids=ids, output_router_logits=True, labels=ids.clone())
    nll = torch.nn.functional.cross_entropy(theirs.logits[0].float(), labels[0])
    expected = nll + 0.5 * theirs.aux_loss
    loaded.module.zero_grad()
    expected.backward()
    assert told["loss"] == pytest.approx(float(expected), rel=1e-5)
    assert told["balance"] == pytest.approx(float(theirs.aux_loss), rel=1e-5)
    for name, gradient in gradients(loaded.module).items():
        torch.testing.assert_close(ours[name], gradient, rtol=1e-4, atol=1e-6)
    loaded.module.zero_grad()


def test_any_split_of_a_step_gives_the_same(built):
    _, train = built
    samples = random_samples([9, 17, 4, 23], 100, seed=2)
    found = []
    for rows in ([[0, 1, 2, 3]], [[0], [1], [2, 3]]):
        batches = [packed([samples[i] for i in row]) for row in rows]
        told = train.step(0, batches, train.weigh(batches, {})[0], 1.0)
        found.append([told["loss"], told["balance"], told["grad_norm"]])
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_a_measured_loss_is_that_of_the_objective_alone(built):
    _, train = built
    batches = [packed(random_samples([9, 17], 100, seed=2))]
    weights, _ = train.weigh(batches, {})
    assert train.measure(batches, weights)["loss"] == train.step(0, batches, weights, 1.0)["task"]


class Watched:
    """A model that notes how often it is run."""

    def __init__(self, model):
        self.model, self.runs = model, 0

    def run(self, batch, *how):
        self.runs += 1
        return self.model.run(batch, *how)


def test_what_is_measured_is_run_once(built):
    loaded, train = built
    batches = [packed(random_samples([9, 17], 100, seed=2)), packed(random_samples([5], 100, seed=3))]
    weights, watched = train.weigh(batches, {})[0], Watched(loaded.model)
    assert replace(train, models=Models(watched)).measure(batches, weights)["loss"] > 0
    assert watched.runs == len(batches)


def test_neither_a_reference_of_the_same_module_nor_other_texts_are_counted(built, told):
    loaded, _ = built
    own = [sample_of(np.array(ids, np.int32)) for ids in random_samples([9, 17, 6], 100, seed=4)]
    samples = [replace(one, fields={"label": 1.0}, streams={"baseline": other}) for one, other in pairwise(own)]
    models = Models(loaded.model, {"reference": Frozen(loaded.module, loaded.model)})
    found = [
        Balanced(objective.get(kind).build(), told, 0.5).prepare(models, [collate([one]) for one in samples])
        for kind in ("kto", "sft")
    ]
    counts = [{name: float(n) for name, n in one.items() if name.startswith(ROUTED)} for one in found]
    assert counts[0] == counts[1] and sum(counts[1].values()) == (9 + 17) * 2 * 2  # layers, experts of a token


def test_a_model_without_routers_is_refused():
    loaded = model_source.get("hf").build(BuildContext(verdict=PROBED), init=LLAMA)
    with pytest.raises(ModelError, match="has no routers"):
        install(loaded, RouterTotals())
