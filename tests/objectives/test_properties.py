"""What losses of tokens hold to: untrained tokens get no gradient, packed rows are separate rows, pairs can swap."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.exact import LIMIT, exact
from tests.objectives.groups import VOCAB, assert_same, built, executor, figures, group, groups
from tests.objectives.test_classes import classifier, labelled, tagged
from tests.objectives.test_distillation import distilling
from tests.objectives.test_distillation import samples as taught
from tests.objectives.test_labelled import marked
from tests.objectives.test_policy import LONGEST, TEMPERATURE, answers
from tests.objectives.test_ranking import SAMPLES as RANKED
from tests.objectives.test_ranking import scorer
from tests.objectives.test_reweighted import samples as weighted
from tests.objectives.texts import asked, body, drawn
from whet.contracts.model import Head, Models
from whet.models.language import LanguageModel

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
