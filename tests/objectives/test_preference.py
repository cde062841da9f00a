"""Preference losses: against plain PyTorch over padded rows, and the properties that they must have."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tests.objectives.groups import SHAPES, assert_same, executor, figures, group, groups, splits, tiny
from whet.base.catalogue import objective
from whet.base.errors import ConfigError
from whet.data.render.branches import separate

BETA = 0.3
sig, lsg = torch.sigmoid, F.logsigmoid


def replies(module, samples):
    """By transformers alone, padded: summed log p of each reply and its number of tokens, chosen and rejected."""
    rows = [whole for sample in samples for whole in separate(sample)]
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(r.ids).long() for r in rows], batch_first=True)
    trained = torch.nn.utils.rnn.pad_sequence([torch.tensor(r.weights) for r in rows], batch_first=True)[:, 1:]
    logits = module(input_ids=ids, attention_mask=(ids > 0).long()).logits[:, :-1]
    logprobs = torch.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0] * trained
    return logprobs.view(-1, 2, logprobs.shape[1]), trained.view(-1, 2, logprobs.shape[1])


def expected(samples, loss, length_weight=1.0):
    """Mean of `loss(chosen, rejected, chosen reference, rejected reference, lengths)` and its gradients."""
    policy, reference = tiny(3).module, tiny(4).module
    logprobs, trained = replies(policy, samples)
    with torch.no_grad():
        other, _ = replies(reference, samples)
    lengths = trained.sum(-1)
    past = trained.cumsum(-1) > lengths.min(1).values[:, None, None]
    scale = torch.where(past, length_weight, 1.0)
    sums, sums_other = (logprobs * scale).sum(-1), (other * scale).sum(-1)
    value = loss(*sums.T, *(sums - sums_other).T, lengths).mean()
    policy.zero_grad()
    value.backward()
    gradients = {name: p.grad.clone() for name, p in policy.named_parameters()}
    policy.zero_grad()
    return {"loss": value.item()}, gradients


# Each as its paper writes it, in chosen and rejected log p (c, r) and log-ratios (x, y); n holds the lengths.
LOSSES = {
    "sigmoid": lambda c, r, x, y, n: -lsg(BETA * (x - y)),
    "hinge": lambda c, r, x, y, n: (1 - BETA * (x - y)).clamp(min=0),
    "ipo": lambda c, r, x, y, n: (x / n[:, 0] - y / n[:, 1] - 1 / (2 * BETA)) ** 2,
    "sigmoid_mean": lambda c, r, x, y, n: -lsg(BETA * (x / n[:, 0] - y / n[:, 1])),
    "nca": lambda c, r, x, y, n: -lsg(BETA * x) - 0.5 * lsg(-BETA * x) - 0.5 * lsg(-BETA * y),
    "bco": lambda c, r, x, y, n: -lsg(BETA * x) - lsg(-BETA * y),
    "sppo": lambda c, r, x, y, n: (x - 0.5 / BETA) ** 2 + (y + 0.5 / BETA) ** 2,
    "apo_zero": lambda c, r, x, y, n: 1 - sig(BETA * x) + sig(BETA * y),
    "apo_down": lambda c, r, x, y, n: sig(BETA * x) + 1 - sig(BETA * (x - y)),
    "discopop": lambda c, r, x, y, n: (
        (1 - sig(BETA * (x - y) / 0.05)) * -lsg(BETA * (x - y)) + sig(BETA * (x - y) / 0.05) * (-BETA * (x - y)).exp()
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradients_equal_plain_pytorch_over_padded_rows(name):
    train = executor("dpo", beta=BETA, loss=name)
    found = figures(train, [groups()[:2], groups()[2:]])
    assert_same(found, expected(groups(), LOSSES[name]))


VARIANTS = {
    "cdpo": ({"label_smoothing": 0.2}, lambda z: -0.8 * lsg(z) - 0.2 * lsg(-z)),
    "robust": ({"loss": "robust", "label_smoothing": 0.2}, lambda z: (-0.8 * lsg(z) + 0.2 * lsg(-z)) / 0.6),
    "exo": (
        {"loss": "exo", "label_smoothing": 0.2},
        lambda z: sig(z) * (lsg(z) - math.log(0.8)) + sig(-z) * (lsg(-z) - math.log(0.2)),
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_with_doubted_labels_equals_its_formula(variant):
    changed, formula = VARIANTS[variant]
    reference = expected(groups(), lambda c, r, x, y, n: formula(BETA * (x - y)))
    assert_same(figures(executor("dpo", beta=BETA, **changed), [groups()]), reference)


DIVERGENCES = {
    "forward_kl": lambda x: 1 - (-x).exp(),
    "js": lambda x: (2 * x.exp() / (x.exp() + 1)).log(),
    "alpha": lambda x: (x.exp() ** -0.5 - 1) / -0.5,
}


@pytest.mark.parametrize("name", DIVERGENCES)
def test_a_divergence_stands_for_the_log_ratio(name):
    f = DIVERGENCES[name]
    reference = expected(groups(), lambda c, r, x, y, n: -lsg(BETA * (f(x) - f(y))))
    assert_same(figures(executor("dpo", beta=BETA, divergence=name), [groups()]), reference)


def test_terms_add_up_with_their_weights_and_sft_is_a_mean_over_tokens():
    train = executor("dpo", beta=BETA, loss={"sigmoid": 0.5, "ipo": 2.0}, sft=0.7)
    found, gradients = figures(train, [[sample] for sample in groups()])

    def whole(c, r, x, y, n):
        sft = -c.sum() / n[:, 0].sum()
        return 0.5 * LOSSES["sigmoid"](c, r, x, y, n) + 2.0 * LOSSES["ipo"](c, r, x, y, n) + 0.7 * sft

    assert_same((found, gradients), expected(groups(), whole))
    assert found["loss"] == pytest.approx(0.5 * found["sigmoid"] + 2 * found["ipo"] + 0.7 * found["sft"], rel=1e-9)


def test_tokens_past_the_end_of_the_shorter_reply_weigh_less():
    train = executor("dpo", beta=BETA, length_weight=0.25)
    assert_same(figures(train, [groups()]), expected(groups(), LOSSES["sigmoid"], 0.25))


def test_the_reference_free_losses_equal_their_formulas():
    def log_odds(logp):
        return logp - torch.log1p(-logp.exp())

    def orpo(c, r, x, y, n):
        c, r = c / n[:, 0], r / n[:, 1]
        return -0.4 * lsg(log_odds(c) - log_odds(r)) - (c * n[:, 0]).sum() / n[:, 0].sum()

    def simpo(c, r, x, y, n):
        return -lsg(2.0 * (c / n[:, 0] - r / n[:, 1]) - 0.6)

    def cpo(c, r, x, y, n):
        return -lsg(BETA * (c - r)) - 0.5 * c.sum() / n[:, 0].sum()

    for kind, chosen, formula in (
        ("orpo", {"weight": 0.4}, orpo),
        ("simpo", {"beta": 2.0, "margin": 0.6}, simpo),
        ("cpo", {"beta": BETA, "sft": 0.5}, cpo),
    ):
        assert_same(figures(executor(kind, **chosen), [groups()]), expected(groups(), formula))


@st.composite
def cuts(draw):
    count = len(SHAPES)
    return draw(st.permutations(range(count))), sorted(draw(st.sets(st.integers(1, count - 1))))


TRAIN = executor("dpo", beta=BETA, loss={"sigmoid": 1.0, "ipo": 0.5}, sft=0.3, length_weight=0.5)


@settings(max_examples=15)
@given(split=cuts(), seed=st.integers(0, 2), shared=st.booleans())
def test_any_split_of_the_pairs_gives_the_same_loss_and_gradients(split, seed, shared):
    """Law 1; and a shared prompt computed once has the gradients of separate rows."""
    samples = groups(seed)
    reference = figures(TRAIN, [samples], shared=False)
    assert_same(figures(TRAIN, splits(samples, *split), shared), reference)


def test_without_beta_nothing_is_learned():
    found, gradients = figures(executor("dpo", beta=0.0), [groups()])
    assert found["loss"] == pytest.approx(math.log(2), rel=1e-12)
    assert not any(gradient.any() for gradient in gradients.values())


def test_what_is_not_trained_gets_no_gradient():
    """Untrained tokens of a reply count as context: as if they stood in the prompt."""
    sample = group([1, 2, 3], [[4, 5, 6], [7, 8, 9]])
    sample.weights[[3, 4]] = 0  # of the chosen reply only the last token is left
    train = executor("dpo", beta=BETA)
    found, gradients = figures(train, [[sample]])
    shorter = group([1, 2, 3, 4, 5], [[6], [7, 8, 9]])
    other = group([1, 2, 3], [[6], [7, 8, 9]])

    def ratio(sample, side):
        logps = [replies(tiny(seed).module, [sample])[0].sum(-1)[0, side] for seed in (3, 4)]
        return logps[0] - logps[1]

    loss = -lsg(BETA * (ratio(shorter, 0) - ratio(other, 1)))
    assert found["loss"] == pytest.approx(loss.item(), rel=1e-5)
    tiny(3).module.zero_grad()
    loss.backward()
    expected = {name: p.grad.clone() for name, p in tiny(3).module.named_parameters()}
    assert_same((found, gradients), ({"loss": loss.item()}, expected))
    tiny(3).module.zero_grad()


def test_branches_do_not_see_each_other():
    """Another rejected reply moves neither the hidden states nor the log p of the chosen one by a bit."""
    from whet.data.order.collate import collate
    from whet.objectives.sequences import reply_logprobs

    model = tiny(3).model
    prompt, chosen = [1, 2, 3, 4, 5], [6, 7, 8]
    first, second = (collate([group(prompt, [chosen, other])]) for other in ([9, 10, 11], [12, 13, 14]))
    with torch.no_grad():
        hidden = [model.run(batch, frozenset({"hidden"}))["hidden"] for batch in (first, second)]
        logprobs = [reply_logprobs(model, batch) for batch in (first, second)]
    seen = first.text.segments[2].start
    assert torch.equal(hidden[0][:seen], hidden[1][:seen]) and not torch.equal(hidden[0][seen:], hidden[1][seen:])
    assert logprobs[0][0] == logprobs[1][0] and logprobs[0][1] != logprobs[1][1]


MISTAKES = {
    "zero beta": ({"beta": 0.0, "loss": "ipo"}, "beta"),
    "no use for smoothing": ({"loss": "hinge", "label_smoothing": 0.1}, "label_smoothing"),
    "exo without smoothing": ({"loss": "exo"}, "label_smoothing"),
    "no use for a divergence": ({"loss": "bco", "divergence": "js"}, "divergence"),
    "no loss": ({"loss": {}}, "loss"),
    "an order of no divergence": ({"divergence": "js", "alpha": 0.3}, "`alpha` does nothing with `divergence=js`"),
    "a temperature of no loss": ({"loss": "ipo", "tau": 0.3}, "`tau` does nothing with `ipo`"),
}


@pytest.mark.parametrize("given, says", MISTAKES.values(), ids=MISTAKES)
def test_a_setting_that_would_do_nothing_is_refused(given, says):
    with pytest.raises(ConfigError, match=says) as error:
        objective.get("dpo").build(**given)
    assert error.value.hint


def test_positions_count_from_the_start_of_the_conversation():
    from whet.data.order.collate import collate

    text = collate([group([1, 2, 3], [[4, 5], [6]])]).text
    assert text.positions.tolist() == [0, 1, 2, 3, 4, 2, 3]
    assert text.targets.tolist() == [2, 0, 4, 5, 0, 6, 0] and text.weights.tolist() == [0, 0, 1, 1, 0, 1, 0]
    assert [segment.prefix for segment in text.segments] == [-1, 0, 0]
    np.testing.assert_array_equal(text.ids, [1, 2, 3, 4, 5, 3, 6])
