"""PPO and online DPO against their formulas, and what they make of a rollout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.objectives.groups import assert_same, built, executor, figures, groups, splits
from tests.objectives.test_policy import TEMPERATURE, answers, by_token, clipped, rows
from tests.objectives.test_preference import BETA, LOSSES, expected
from whet.base.catalogue import objective
from whet.base.errors import ConfigError
from whet.contracts.model import ParamRole
from whet.contracts.rollouts import Outcome
from whet.objectives.advantages import gae


@pytest.fixture(scope="module")
def valued():
    """A model with a value head that says something."""
    loaded = built(values=True)
    torch.nn.init.normal_(loaded.module.value_head.weight, generator=torch.Generator().manual_seed(1))
    return loaded


def scored(seed=0):
    """Answers whose tokens have advantages, returns, and values that were expected before."""
    rng = np.random.default_rng(seed + 50)
    found = []
    for sample in answers(seed):
        own = {n: rng.normal(size=sample.num_tokens).astype(np.float32) for n in ("advantage", "return", "value")}
        found.append(replace(sample, values={**sample.values, **own}, fields={"weight": sample.fields["weight"]}))
    return found


def online(valued, **given):
    train = executor("ppo", policy=valued, **{"correction": "none", **given})
    return replace(train, objective=train.objective.sampled(TEMPERATURE, 8))


def padded(valued, samples):
    """By transformers alone: log p, mask, known numbers, entropy and values of answers (B, T)."""
    marked = [replace(s, fields={**s.fields, "advantage": np.zeros(len(s.cuts))}) for s in samples]
    names = ("old", "behaviour", "reference", "advantage", "return", "value")
    return rows(marked, valued.module, names)


def test_the_loss_is_the_clipped_surrogate_and_the_clipped_error_of_values(valued):
    samples = scored()
    found = figures(online(valued, value=0.3, clip_value=0.2, entropy=0.01), [samples])
    valued.module.zero_grad()
    logp, mask, known, _, entropy, value = padded(valued, samples)
    near = known["value"] + (value - known["value"]).clamp(-0.2, 0.2)
    error = torch.maximum((value - known["return"]) ** 2, (near - known["return"]) ** 2) / 2
    loss = by_token(clipped(logp, mask, known, known["advantage"]) + 0.3 * error - 0.01 * entropy, mask)
    loss.backward()
    wanted = {name: p.grad.clone() for name, p in valued.module.named_parameters()}
    valued.module.zero_grad()
    assert wanted["value_head.weight"].any()
    assert_same(found, ({"loss": loss.item()}, wanted))


@pytest.mark.parametrize("order, cuts", [((3, 1, 0, 2), [1]), ((0, 1, 2, 3), [1, 2, 3]), ((2, 3, 1, 0), [2])])
def test_any_split_of_the_answers_gives_the_same_loss_and_gradients(valued, order, cuts):
    train = online(valued, entropy=0.01)
    whole = figures(train, [scored()], shared=False)
    assert_same(figures(train, splits(scored(), order, cuts)), whole)


def test_the_value_head_is_a_head_and_begins_at_nothing():
    fresh = built(values=True)
    assert fresh.roles["value_head.weight"] is ParamRole.HEAD
    assert not fresh.module.value_head.weight.any() and fresh.module.value_head.weight.requires_grad


def outcome(rewards, **tokens):
    rewards = np.array(rewards, float)
    lengths = np.array([[len(t) for t in group] for group in next(iter(tokens.values()))])
    return Outcome(rewards, lengths, np.zeros(rewards.shape, bool), tokens)


def draws(seed, lengths):
    rng = np.random.default_rng(seed)
    return [[rng.normal(size=n) for n in group] for group in lengths]


def test_credit_gives_each_token_its_advantage_and_the_reward_comes_last():
    lengths = [[3, 2], [4, 1]]
    old, reference, value = (draws(seed, lengths) for seed in (1, 2, 3))
    rewards = [[1.0, 0.0], [np.nan, 2.0]]
    kind = objective.get("ppo").build(kl=0.1, discount=0.9, smoothing=0.8, whiten=False)
    found = kind.credit(outcome(rewards, old=old, reference=reference, value=value))
    earned = -0.1 * (old[0][0] - reference[0][0]) + np.array([0, 0, 1.0])
    advantage, returns = gae(earned, value[0][0], 0.9, 0.8)
    np.testing.assert_allclose(found.values["advantage"][0][0], advantage)
    np.testing.assert_allclose(found.values["return"][0][0], returns)
    assert found.fields["weight"].tolist() == [[1, 1], [0, 1]] and not found.values["advantage"][1][0].any()
    whitened = objective.get("ppo").build(kl=0.1).credit(outcome(rewards, old=old, reference=reference, value=value))
    counted = np.concatenate([whitened.values["advantage"][g][n] for g, n in ((0, 0), (0, 1), (1, 1))])
    assert counted.mean() == pytest.approx(0, abs=1e-12) and counted.std(ddof=1) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("loss", ["sigmoid", "hinge", "ipo"])
def test_pairs_of_own_answers_have_the_loss_and_gradients_of_their_formula(loss):
    train = executor("online-dpo", beta=BETA, loss=loss)
    assert_same(figures(train, [groups()[:2], groups()[2:]]), expected(groups(), LOSSES[loss]))


def test_a_pair_is_the_best_and_the_worst_answer_where_they_differ():
    kind = objective.get("online-dpo").build()
    rewards = np.array([[0.0, 3.0, 1.0], [2.0, 2.0, 2.0], [np.nan, 1.0, 0.5], [np.nan, np.nan, 1.0]])
    found = kind.credit(Outcome(rewards, np.ones((4, 3)), np.zeros((4, 3), bool)))
    assert list(found.kept) == [(1, 0), (), (1, 2), ()]
    assert found.has_signal_G.tolist() == [True, False, True, False]


MISTAKES = {
    "a reference of none": ("ppo", {"reference": "copy"}, "reference"),
    "a cap on nothing": ("ppo", {"correction": "none", "correction_cap": 3.0}, "correction_cap"),
    "smoothing of nothing": ("online-dpo", {"loss": "ipo", "label_smoothing": 0.1}, "label_smoothing"),
}


@pytest.mark.parametrize("kind, given, says", MISTAKES.values(), ids=MISTAKES)
def test_a_setting_that_would_do_nothing_is_refused(kind, given, says):
    with pytest.raises(ConfigError, match=says) as error:
        objective.get(kind).build(**given)
    assert error.value.hint
