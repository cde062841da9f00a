"""Unchanged objectives, scoring and stored references run on an executor whose ranks hold half of the layers each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from tests.objectives.groups import VOCAB, group
from tests.parallel.stages import TwoStages, cut
from tests.ranks import on_ranks
from tests.tiny import LLAMA, tokenizer
from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.contracts.executor import Asked, Executor
from whet.contracts.model import Models
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.probing.probes import Verdict
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.world import World
from whet.train.online.scoring import Scoring
from whet.train.step.executor import DataParallel
from whet.train.step.micro_batches import Dealer

CASES = {"sft": ("sft", "full", {}), "dpo": ("dpo", "full", {}), "grpo": ("grpo", "full", {"kl": 0.1})}
CASES["lora"] = ("sft", "lora", {})
PROBED = Verdict(True, "chunked", (), True)  # a llama packs; what finds that out is tested elsewhere
STEPS, ROWS, CLIP = 3, [[0, 1], [2], [3]], 0.5


def samples(kind: str, draw: np.random.Generator) -> list[Sample]:
    """Four samples: texts, pairs, or answers with advantages."""
    found = []
    for length in (9, 4, 12, 6):
        ids = [draw.integers(1, VOCAB, n).tolist() for n in (3, length, length // 2)]
        if kind == "sft":
            found.append(Sample(np.array(ids[0] + ids[1], np.int32), np.array([0.0] * 3 + [1.0] * length, np.float32)))
        else:
            fields = {"advantage": draw.normal(size=2).astype(np.float32)} if kind == "grpo" else {}
            found.append(group(ids[0], ids[1:], **fields))
    return found


def told(kind: str, found: list[Sample], executor: Executor) -> list[Sample]:
    """The samples with what the policy says of them as training begins, asked through the executor."""
    if kind == "dpo":
        learned = objective.get("dpo").build()
        columns = [learned.refer(Asked(executor), collate([sample]))["reference"].numpy() for sample in found]
        return [replace(sample, fields={"reference": c}) for sample, c in zip(found, columns, strict=True)]
    if kind == "grpo":
        scored = Scoring(executor, Dealer(World(torch.device("cpu")), 64), 1.0)(found, frozenset({"old"}))["old"]
        for number, (sample, old) in enumerate(zip(found, scored, strict=True)):
            values = np.zeros(sample.num_tokens, np.float32)
            values[sample.weights > 0] = old
            found[number] = replace(sample, values=dict.fromkeys(("old", "behaviour", "reference"), values))
    return found


def learned(case: str, base: Path, is_cut: bool) -> tuple[list[tuple[float, float]], dict[str, torch.Tensor]]:
    """Loss and gradient norm of each step, the loss of what is measured after them, and all weights."""
    kind, how, settings = CASES[case]
    method = tuner.get(how).build(**tuner.get(how).settings.model_validate({"kind": how}).values())
    loaded = filled(model_source.get("hf").build(BuildContext(seed=3, tuner=method, verdict=PROBED), path=str(base)))
    method.init(loaded.module, None)
    loss = objective.get(kind).build(**settings)
    if is_cut:
        dist.init_process_group("gloo")
        loaded = cut(loaded, dist.get_rank())
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles), lr=1e-2))
    world = World(torch.device("cpu"))
    train: Executor = (
        TwoStages(loaded, loss, update, CLIP)
        if is_cut
        else DataParallel(world, Models(loaded.model), loss, update, loaded.module, 0, CLIP, None, method)
    )
    found = told(kind, samples(kind, np.random.default_rng(5)), train)
    batches = [collate([found[i] for i in row]) for row in ROWS]
    weights, _ = train.weigh(batches, {})
    figures = [train.step(step, batches, weights, 1.0) for step in range(STEPS)]
    measured = train.measure(batches, weights)["loss"]
    whole = {name: tensor.clone() for name, tensor in train.weights()}
    if is_cut:
        dist.destroy_process_group()
    return [*((f["loss"], f["grad_norm"]) for f in figures), (measured, 0.0)], whole


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    """A stored llama of four layers, as adapters need one."""
    init = {**LLAMA, "vocab_size": 331, "tie_word_embeddings": False, "num_hidden_layers": 4}
    folder = tokenizer(tmp_path_factory.mktemp("base"))
    filled(model_source.get("hf").build(BuildContext(seed=3, verdict=PROBED), init=init)).module.save_pretrained(folder)
    return folder


@pytest.mark.ranks
@pytest.mark.parametrize("case", CASES)
def test_layers_on_two_ranks_learn_as_on_one(case, base):
    expected, weights = learned(case, base, is_cut=False)
    for figures, whole in on_ranks(2, learned, case, base, True):
        torch.testing.assert_close(torch.tensor(figures), torch.tensor(expected), rtol=1e-5, atol=1e-7)
        assert whole.keys() == weights.keys()
        for name, tensor in whole.items():
            torch.testing.assert_close(tensor, weights[name], rtol=1e-4, atol=1e-5)
