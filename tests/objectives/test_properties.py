"""What losses of tokens hold to: untrained tokens get no gradient, packed rows are separate rows, pairs can swap."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.exact import LIMIT, exact
from tests.objectives.groups import VOCAB, assert_same, built, executor, figures, group, groups
from tests.objectives.test_actor_critic import scored
from tests.objectives.test_classes import classifier, labelled, tagged
from tests.objectives.test_distillation import distilling
from tests.objectives.test_distillation import samples as taught
from tests.objectives.test_kto import marked
from tests.objectives.test_policy import LONGEST, TEMPERATURE, answers
from tests.objectives.test_ranking import SAMPLES as RANKED
from tests.objectives.test_ranking import scorer
from tests.objectives.test_reweighted import samples as weighted
from tests.objectives.test_similarity import SAMPLES as ALIKE
from tests.objectives.texts import asked, body, drawn
from whet.base.catalogue import model_source, objective, tuner
from whet.contracts.model import PLAIN, Head, Models
from whet.contracts.sample import Sample
from whet.data.order.collate import collate
from whet.models.forward.language import LanguageModel
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled

TEXTS = [asked(drawn(i, 3 + i, 7 - i, 4)) for i in range(4)]


def steps():
    return executor("process-reward", policy=built(head=Head("token", ("wrong", "right"))))


def online(**given):
    train = executor("grpo", **given)
    return replace(train, objective=train.objective.sampled(TEMPERATURE, LONGEST))


# Executor and samples, made when a test asks for them.
TOKENS = {
    "sft": (lambda: executor("sft"), weighted),
    "dft": (lambda: executor("sft", weighting="dft"), weighted),
    "entropy": (lambda: executor("sft", weighting="entropy"), weighted),
    "distill": (lambda: distilling(divergence="jsd", sft=0.5), taught),
    "dpo": (lambda: executor("dpo", length_weight=0.5, sft=0.5), groups),
    "orpo": (lambda: executor("orpo"), groups),
    "simpo": (lambda: executor("simpo"), groups),
    "cpo": (lambda: executor("cpo"), groups),
    "online-dpo": (lambda: executor("online-dpo"), groups),
    "kto": (lambda: executor("kto"), lambda: marked(9)),
    "grpo": (lambda: online(kl=0.1, entropy=0.05), answers),
    "gspo": (lambda: online(ratio="sequence", normalise="sequence", correction="sequence"), answers),
    "token-classification": (
        lambda: executor("token-classification", policy=classifier("token")),
        lambda: tagged("token-classification"),
    ),
    "process-reward": (steps, lambda: tagged("process-reward")),
    "embedding": (lambda: executor("embedding", policy=body()), lambda: TEXTS),
}
SEQUENCES = {
    "reward": (lambda: executor("reward", policy=built(head=Head("sequence", ("",)))), groups),
    "sequence-classification": (
        lambda: executor("sequence-classification", policy=classifier("sequence")),
        lambda: labelled("single"),
    ),
    "reranker": (lambda: executor("reranker", policy=scorer(), loss="listwise"), lambda: RANKED),
}

OTHERS = {
    "pretrain": (lambda: executor("pretrain"), weighted),
    "ppo": (lambda: valued(), scored),
    "similarity": (lambda: executor("similarity", policy=body()), lambda: ALIKE),
    "classify": (lambda: executor("classify", policy=numbers()), lambda: measured()),
}


def valued():
    train = executor("ppo", policy=built(values=True), correction="none")
    return replace(train, objective=train.objective.sampled(TEMPERATURE, LONGEST))


def numbers():
    context = BuildContext(seed=3, tuner=tuner.get("full").build())
    return filled(model_source.get("mlp").build(context, features=4, classes=3, hidden=(8,)))


def measured():
    nothing = np.zeros(0, np.int32), np.zeros(0, np.float32)
    return [Sample(*nothing, {"features": np.ones(4, np.float32), "label": label}) for label in (0, 2, 1)]


class Seen:
    """A model that notes what it is run on."""

    def __init__(self, model):
        self.model, self.batches = model, []

    def run(self, batch, want, readout=PLAIN):
        self.batches.append(batch)
        return self.model.run(batch, want, readout)


def with_tails(sample, rng):
    """Two more tokens at the end of each branch, with any numbers beside them, that are not trained."""
    ends = np.repeat([branch.stop for branch in sample.branches], 2)
    cuts = tuple(cut + 2 * number for number, cut in enumerate(sample.cuts))
    values = {name: np.insert(column, ends, rng.integers(0, 2, len(ends))) for name, column in sample.values.items()}
    streams = {name: with_tails(stream, rng) for name, stream in sample.streams.items()}
    ids, weights = np.insert(sample.ids, ends, rng.integers(1, VOCAB, len(ends))), np.insert(sample.weights, ends, 0)
    return replace(sample, ids=ids, weights=weights, cuts=cuts, values=values, streams=streams)


@pytest.mark.parametrize("kind", TOKENS)
def test_untrained_tokens_get_no_gradient(kind):
    """Nothing sees what stands behind the last trained token, so that only a loss there could change anything."""
    make, samples = TOKENS[kind]
    train, rng = make(), np.random.default_rng(0)
    longer = [with_tails(sample, rng) for sample in samples()]
    assert sum(s.num_tokens for s in longer) > sum(s.num_tokens for s in samples())
    expected = figures(train, [samples()])
    assert any(gradient.any() for gradient in expected[1].values())
    assert_same(figures(train, [longer]), expected)
    told = [replace(sample, weights=np.maximum(sample.weights, 0.5)) for sample in longer]
    changed = figures(train, [told])
    assert changed[0]["loss"] != pytest.approx(expected[0]["loss"], rel=1e-4)


@pytest.mark.parametrize("kind", TOKENS | SEQUENCES | OTHERS)
def test_the_trained_model_is_run_once_a_micro_batch_and_on_no_other_batch(kind):
    """A stage of a pipeline has the hidden states of this batch alone (`whet.contracts.objective.Objective`)."""
    make, samples = (TOKENS | SEQUENCES | OTHERS)[kind]
    train, rows = make(), samples()
    batches = [collate(rows[:2]), collate(rows[2:])]
    for batch, statistics in zip(batches, train._statistics(0, batches), strict=True):
        policy = Seen(train.models.policy)
        train.objective(Models(policy, train.models.others), batch, statistics)
        assert [seen is batch for seen in policy.batches] == [True]


def test_every_objective_is_among_those_above():
    assert {*TOKENS, *SEQUENCES, *OTHERS} >= {*objective.names()} - {"mlm", "span-corruption"}
    plain = objective.get("sft").build()
    assert all(type(objective.get(name).build()) is type(plain) for name in ("mlm", "span-corruption"))


@pytest.mark.parametrize("kind", TOKENS | SEQUENCES)
def test_packed_rows_equal_a_sample_a_row(kind):
    make, samples = (TOKENS | SEQUENCES)[kind]
    train = make()
    config = type(train.module.config).from_dict(train.module.config.to_dict())
    config._attn_implementation = "sdpa"
    own = exact(type(train.module)(config))
    own.load_state_dict(train.module.state_dict())
    own.eval()
    models = Models(LanguageModel(own, packed=False), train.models.others)
    separate = replace(train, models=models, module=own)
    assert_same(figures(separate, [samples()], shared=False), figures(train, [samples()]))


SWAPPED = {
    "dpo": lambda: executor("dpo", beta=0.3),
    "dpo, a token": lambda: executor("dpo", beta=0.3, loss="sigmoid_mean"),
    "cpo": lambda: executor("cpo", beta=0.3, sft=0.0),
    "simpo": lambda: executor("simpo", margin=0.0),
    "reward": SEQUENCES["reward"][0],
}


@pytest.mark.parametrize("kind", SWAPPED)
def test_a_pair_the_other_way_round_has_the_chance_of_being_wrong(kind):
    """exp(-loss) is p and then 1 - p, and the gradients are (1 - p) and -p times that of the difference."""
    train, prompt, first, second = SWAPPED[kind](), [1, 2, 3], [4, 5], [6, 7, 8]
    right, gradients = figures(train, [[group(prompt, [first, second])]])
    wrong, others = figures(train, [[group(prompt, [second, first])]])
    p = math.exp(-right["loss"])
    assert p + math.exp(-wrong["loss"]) == pytest.approx(1, abs=LIMIT)
    assert right["accuracy"] + wrong["accuracy"] == 1 and right["margin"] == pytest.approx(-wrong["margin"], abs=LIMIT)
    scale = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    assert scale > 0
    for name, gradient in gradients.items():
        assert (p * gradient + (1 - p) * others[name]).norm() <= LIMIT * scale, name
