"""Policy gradients against their formulas, written out over transformers' own logits; and law 1 for all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.groups import assert_same, executor, figures, group, splits, tiny
from whet.base.catalogue import objective
from whet.base.chosen import checked
from whet.base.errors import ConfigError
from whet.base.yaml import parse_value

TEMPERATURE, LONGEST = 0.7, 8
# Tokens of the prompt, and of each answer.
SHAPES = [(6, (5, 3, 2)), (2, (7, 7, 1)), (9, (1, 4, 6)), (4, (6, 2, 8))]
CORRECTED = {"correction": "none"}


def answers(seed: int = 0, with_values: bool = True):
    """Groups of three answers with advantages, and log-probabilities at hand that differ from the model's."""
    rng = np.random.default_rng(seed)
    found = []
    for prompt, lengths in SHAPES:
        draw = [rng.integers(1, 60, n).tolist() for n in (prompt, *lengths)]
        advantage = (rng.normal(size=3) + 1).astype(np.float32)  # a sum away from 0, where only rounding is left
        weight = np.array([1.0, 1.0, 0.0 if prompt == 9 else 1.0], np.float32)
        sample = group(draw[0], draw[1:], advantage=advantage, weight=weight)
        near = own_logprobs(sample)
        values = {
            "behaviour": near + rng.normal(size=len(near)) * 0.3 * (sample.weights > 0),
            "old": near + rng.normal(size=len(near)) * 0.3 * (sample.weights > 0),
            "reference": near + rng.normal(size=len(near)) * (sample.weights > 0),
        }
        found.append(
            replace(sample, values={n: v.astype(np.float32) for n, v in values.items()} if with_values else {})
        )
    return found


def own_logprobs(sample):
    """log p of each trained token at its place (T,), from transformers' own forward of each branch."""
    found, shared = np.zeros(sample.num_tokens), sample.cuts[0]
    for at in sample.branches:
        ids = np.r_[sample.ids[:shared], sample.ids[at]]
        with torch.no_grad():
            logits = tiny(3).module(torch.tensor(ids[None], dtype=torch.long)).logits[0, :-1] / TEMPERATURE
        logp = torch.log_softmax(logits.double(), -1).gather(1, torch.tensor(ids[1:, None], dtype=torch.long))[:, 0]
        found[at.start + 1 : at.stop] = logp[shared:].numpy()
    return found


def rows(samples, module=None, names=("behaviour", "old", "reference")):
    """Padded: log p of answers with gradient (B, T), their mask, what the samples say of them, and the entropy.

    And the values (B, T), from a module that has a head for them.
    """
    module = module or tiny(3).module
    ids, columns = [], []
    for sample in samples:
        shared = sample.cuts[0]
        for place, at in enumerate(sample.branches):
            ids.append((np.r_[sample.ids[:shared], sample.ids[at]], shared + 1))
            own = {n: torch.tensor(sample.values[n][at][1:]).double() for n in names if n in sample.values}
            columns.append((own, float(sample.fields["advantage"][place]), float(sample.fields["weight"][place])))
    width = max(len(i) for i, _ in ids)
    tokens = torch.tensor(np.stack([np.pad(i, (0, width - len(i))) for i, _ in ids]), dtype=torch.long)
    output = module(tokens, output_hidden_states=True)
    logits = output.logits[:, :-1].double() / TEMPERATURE
    logp = torch.log_softmax(logits, -1)
    entropy = -(logp.exp() * logp).sum(-1)
    chosen = logp.gather(-1, tokens[:, 1:, None])[..., 0]
    mask = torch.zeros_like(chosen)
    known = {n: torch.zeros_like(chosen) for n in columns[0][0]}
    for row, ((i, start), (own, _, weight)) in enumerate(zip(ids, columns, strict=True)):
        mask[row, start - 1 : len(i) - 1] = weight
        for name, column in own.items():
            known[name][row, start - 1 : len(i) - 1] = column
    advantage = torch.tensor([a for _, a, _ in columns]).double()[:, None]
    found = chosen, mask, known, advantage, entropy
    head = getattr(module, "value_head", None)
    return found if head is None else (*found, head(output.hidden_states[-1])[:, :-1, 0].double())


def expected(samples, formula):
    """Loss and gradients of the formula over (log p, mask, known, advantage, entropy)."""
    module = tiny(3).module
    module.zero_grad()
    loss = formula(*rows(samples))
    loss.backward()
    found = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    return {"loss": loss.item()}, found


def online(**given):
    """An executor whose objective knows how answers were drawn."""
    train = executor("grpo", **given)
    return replace(train, objective=train.objective.sampled(TEMPERATURE, LONGEST))


def clipped(logp, mask, known, a, low=0.2, high=0.2):
    ratio = (logp - known["old"]).exp()
    return -torch.minimum(ratio * a, ratio.clamp(1 - low, 1 + high) * a)


def by_token(loss, mask):
    return (loss * mask).sum() / mask.sum()


def by_sequence(loss, mask):
    is_counted = mask.sum(1) > 0
    return ((loss * mask).sum(1)[is_counted] / mask.sum(1)[is_counted]).mean()


def by_constant(loss, mask):
    return (loss * mask).sum() / ((mask.sum(1) > 0).sum() * LONGEST)


def gspo(logp, mask, known, a, entropy):
    ratio = (((logp - known["old"]) * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True).clamp(min=1)).exp()
    loss = -torch.minimum(ratio * a, ratio.clamp(1 - 3e-2, 1 + 4e-2) * a).expand_as(logp)
    return by_sequence(loss, mask)


def cispo(logp, mask, known, a, entropy):
    weight = (logp - known["old"]).exp().clamp(0.8, 1.28).detach()
    return by_token(-weight * a * logp, mask)


def k(kind, logp, reference):
    back = reference - logp
    return {"k1": -back, "k2": back**2 / 2, "k3": back.exp() - back - 1}[kind]


VARIANTS = {
    "GRPO": (
        {"normalise": "sequence", "kl": 0.04},
        lambda p, m, v, a, e: by_sequence(clipped(p, m, v, a) + 0.04 * k("k3", p, v["reference"]), m),
    ),
    "DAPO": ({"clip_high": 0.28}, lambda p, m, v, a, e: by_token(clipped(p, m, v, a, high=0.28), m)),
    "Dr. GRPO": ({"normalise": "constant", "scale": "none"}, lambda p, m, v, a, e: by_constant(clipped(p, m, v, a), m)),
    "GSPO": ({"ratio": "sequence", "clip_low": 3e-2, "clip_high": 4e-2, "normalise": "sequence"}, gspo),
    "CISPO": ({"loss": "cispo", "clip_high": 0.28}, cispo),
    "REINFORCE": (
        {"loss": "plain", "baseline": "batch", "scale": "batch"},
        lambda p, m, v, a, e: by_token(-(p - v["old"]).exp() * a, m),
    ),
    "k1": (
        {"kl": 0.1, "kl_kind": "k1"},
        lambda p, m, v, a, e: by_token(clipped(p, m, v, a) + 0.1 * (p - v["reference"]), m),
    ),
    "k2": (
        {"kl": 0.1, "kl_kind": "k2"},
        lambda p, m, v, a, e: by_token(clipped(p, m, v, a) + 0.1 * k("k2", p, v["reference"]), m),
    ),
    "weighted": (
        {"kl": 0.1, "kl_weighted": True},
        lambda p, m, v, a, e: by_token(
            clipped(p, m, v, a) + 0.1 * k("k3", p, v["reference"]) * (p - v["old"]).exp(), m
        ),
    ),
    "entropy": ({"entropy": 0.05}, lambda p, m, v, a, e: by_token(clipped(p, m, v, a) - 0.05 * e, m)),
    "corrected tokens": (
        {"correction": "token", "correction_cap": 1.1},
        lambda p, m, v, a, e: by_token(
            clipped(p, m, v, a) * (v["old"] - v["behaviour"]).exp().clamp(max=1.1), m
        ),
    ),
    "corrected answers": (
        {"correction": "sequence", "correction_cap": 1.5},
        lambda p, m, v, a, e: by_token(
            clipped(p, m, v, a) * ((v["old"] - v["behaviour"]) * (m > 0)).sum(1, keepdim=True).exp().clamp(max=1.5), m
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_its_formula(name):
    given, formula = VARIANTS[name]
    found = figures(online(**CORRECTED | given), [answers()])
    assert_same(found, expected(answers(), formula))
    assert any(gradient.any() for gradient in found[1].values())


def test_before_the_first_update_the_ratio_is_one_and_the_gradient_that_of_reinforce():
    fresh = answers(with_values=False)
    found = figures(online(normalise="sequence"), [fresh])
    wanted = expected(fresh, lambda p, m, v, a, e: by_sequence(-(p - p.detach()).exp() * a, m))
    assert_same(found, wanted)
    assert found[0]["clipped"] == 0 and "drift" not in found[0]  # the sampler told nothing


@st.composite
def cuts(draw):
    count = len(SHAPES)
    return draw(st.permutations(range(count))), sorted(draw(st.sets(st.integers(1, count - 1))))


WHOLE = {
    "token": {"kl": 0.1, "entropy": 0.05, "clip_high": 0.28},
    "sequence": {"normalise": "sequence", "ratio": "sequence", "correction": "sequence", "kl": 0.1},
    "constant": {"normalise": "constant", "scale": "none", "loss": "cispo"},
}
TRAIN = {name: online(**given) for name, given in WHOLE.items()}


@settings(max_examples=15)
@given(split=cuts(), name=st.sampled_from(sorted(WHOLE)), seed=st.integers(0, 2), shared=st.booleans())
def test_any_split_of_the_answers_gives_the_same_loss_and_gradients(split, name, seed, shared):
    """Law 1; and a prompt computed once has the gradients of separate rows."""
    samples = answers(seed)
    reference = figures(TRAIN[name], [samples], shared=False)
    assert_same(figures(TRAIN[name], splits(samples, *split), shared), reference)


def test_answers_without_weight_get_no_gradient():
    """Whatever they say: other tokens, another advantage, nothing moves."""
    train, samples = online(), answers()
    before = figures(train, [samples])
    samples[2].fields["advantage"][2] = 100.0
    samples[2].ids[-3:] = 7
    assert_same(figures(train, [samples]), before)


MISTAKES = {
    "a divergence of none": ({"kl_kind": "k1"}, "kl_kind"),
    "a place of none": ({"kl_in": "reward"}, "kl_in"),
    "a weight of none": ({"kl_weighted": True}, "kl_weighted"),
    "a weight in the reward": ({"kl": 0.1, "kl_in": "reward", "kl_weighted": True}, "kl_weighted"),
    "a reference of none": ({"reference": "copy"}, "reference"),
    "a clip of nothing": ({"loss": "plain", "clip_high": 0.3}, "clip_high"),
    "a cap on nothing": ({"correction": "none", "correction_cap": 3.0}, "correction_cap"),
    "a penalty of nothing": ({"overlong_penalty": 0.5}, "overlong_penalty"),
}


@pytest.mark.parametrize("given, says", MISTAKES.values(), ids=MISTAKES)
def test_a_setting_that_would_do_nothing_is_refused(given, says):
    with pytest.raises(ConfigError, match=says) as error:
        objective.get("grpo").build(**given)
    assert error.value.hint


def test_the_variants_of_the_guide_are_settings_that_make_them():
    guide = Path(__file__).parents[2] / "docs" / "guides" / "reinforcement.md"
    table = guide.read_text(encoding="utf-8").partition("| variant |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in table.splitlines()[2:]]
    told = {name: parse_value(f"{{{cell.split('`')[1]}}}") if cell else {} for name, cell in rows}
    assert list(told) == ["BNPO", "GRPO", "DAPO", "Dr. GRPO", "GSPO", "CISPO", "RLOO", "REINFORCE++"]
    for variant in told.values():
        objective.get("grpo").build(**checked(objective.get("grpo"), variant))
