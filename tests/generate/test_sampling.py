"""Choosing tokens: filters as transformers has them, draws that follow the distribution, seeds of their own."""

import numpy as np
import pytest
import torch
from transformers.generation.logits_process import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from whet.base.errors import ConfigError
from whet.generate.protocol import GenerateSettings, recommended
from whet.generate.sampling import candidates, draw, draw_told, uniforms
from whet.generate.serving.choosing import Draws, choose
from whet.generate.serving.request import Request

VOCAB = 50


def logits(rows=4, seed=0):
    return torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(seed)) * 3


def ours(scores, settings):
    """Probabilities in order of id."""
    probs, ids = candidates(scores, settings)
    if ids is not None:
        probs = torch.zeros(scores.shape, dtype=probs.dtype).scatter(1, ids, probs)
    return probs / probs.sum(-1, keepdim=True)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [0, 1, 7, 500])
@pytest.mark.parametrize("top_p", [0.05, 0.6, 1.0])
@pytest.mark.parametrize("min_p", [0.0, 0.2])
def test_the_filtered_distribution_is_that_of_transformers(temperature, top_k, top_p, min_p):
    settings = GenerateSettings(temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    theirs = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    theirs += [TopKLogitsWarper(top_k)] if top_k else []
    theirs += [TopPLogitsWarper(top_p)] if top_p < 1 else []
    theirs += [MinPLogitsWarper(min_p)] if min_p else []
    scores = logits().double()
    expected = torch.softmax(theirs(None, scores), -1)
    torch.testing.assert_close(ours(scores, settings), expected, rtol=1e-12, atol=1e-15)


def likely(freedom):
    """What a chi-square stays below in 99.99 % of all cases (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + 3.719 * spread**0.5) ** 3


@pytest.mark.parametrize("filters", [{"temperature": 1.0}, {"temperature": 0.6, "top_p": 0.8}, {"top_k": 7}], ids=str)
def test_draws_of_many_samples_follow_the_distribution_and_never_leave_it(filters):
    """Chi-square at 99.99 %: one number of each of 20,000 samples, all of one seed."""
    settings = GenerateSettings(**{"temperature": 1.3, **filters})
    scores, numbers = logits(rows=1) / 3, torch.tensor([uniforms(7, sample, 3)[2] for sample in range(20_000)])
    found = torch.bincount(draw(scores.expand(len(numbers), VOCAB), numbers, settings), minlength=VOCAB).double()
    wanted = ours(scores, settings)[0] * len(numbers)
    assert found[wanted == 0].sum() == 0
    wanted, found = wanted[wanted > 0], found[wanted > 0]
    assert ((found - wanted) ** 2 / wanted).sum() < likely(len(wanted) - 1)


def test_numbers_of_places_samples_and_seeds_do_not_follow_from_each_other():
    """Chi-square of pairs of neighbours in a grid, at 99.99 %."""
    own = np.stack([uniforms(3, sample, 40) for sample in range(500)])
    beside = np.stack([uniforms(4, sample, 40) for sample in range(500)])
    for one, other in ((own[:, 1:], own[:, :-1]), (own[1:], own[:-1]), (own, beside)):
        found, _, _ = np.histogram2d(one.ravel(), other.ravel(), bins=10, range=[[0, 1], [0, 1]])
        assert ((found - one.size / 100) ** 2 / (one.size / 100)).sum() < likely(99)


def test_the_number_of_a_place_is_the_same_however_many_are_asked_for():
    few = uniforms(3, 5, 10)
    assert few.tolist() == uniforms(3, 5, 1000)[:10].tolist()
    assert not set(few) & (set(uniforms(3, 6, 10)) | set(uniforms(4, 5, 10)))


@pytest.mark.parametrize("vocab", [3, 128, 1000, 1024])
def test_draws_are_those_of_one_cumulative_sum(vocab):
    """Over vocabularies with tokens that cannot come, at their beginning, their end and in between."""
    scores = torch.randn(400, vocab, generator=torch.Generator().manual_seed(2)) * 5
    scores[:, torch.arange(vocab) % 3 == 2] = -torch.inf
    scores[::2, vocab // 2 :] = scores[1::2, : vocab // 2] = -torch.inf
    scores[:, vocab // 2] = scores[:, 0] = 0.0
    numbers = torch.tensor([0.0, 1.0 - 2**-53, *uniforms(1, 2, 398)])
    cumulative = torch.softmax(scores.double() / 0.7, -1).cumsum(-1)
    wanted = torch.searchsorted(cumulative, (numbers * cumulative[:, -1])[:, None], right=True)[:, 0]
    found = draw(scores, numbers, GenerateSettings(temperature=0.7))
    assert scores.gather(1, found[:, None]).isfinite().all()
    assert torch.equal(found[2:], wanted[2:]) and found[0] == wanted[0]


def test_the_ends_of_the_uniform_range_meet_a_kept_token():
    scores = torch.tensor([[-torch.inf, 1.0, -torch.inf, 2.0, -torch.inf]]).expand(2, 5)
    uniforms = torch.tensor([0.0, 1.0 - 2**-53], dtype=torch.float64)
    assert draw(scores, uniforms, GenerateSettings(temperature=1.0)).tolist() == [1, 3]


@pytest.mark.parametrize("temperature", [5e-324, 1e-45, 1e-7])
def test_whatever_is_colder_than_cold_takes_the_likeliest(temperature):
    scores, uniforms = logits(rows=8), torch.rand(8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    settings = GenerateSettings(temperature=temperature)
    assert torch.equal(draw(scores, uniforms, settings), scores.argmax(-1))
    assert torch.equal(draw_told(scores, uniforms, settings)[0], scores.argmax(-1))


@pytest.mark.parametrize("filters", [{}, {"top_k": 7}, {"top_p": 0.7}, {"min_p": 0.1}], ids=str)
def test_a_draw_that_tells_its_log_p_is_the_same_draw(filters):
    settings = GenerateSettings(temperature=1.7, **filters)
    scores = logits(rows=300)
    uniforms = torch.rand(300, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ids, logp = draw_told(scores, uniforms, settings)
    assert torch.equal(ids, draw(scores, uniforms, settings))
    expected = torch.log_softmax(scores.double() / 1.7, -1).gather(1, ids[:, None])[:, 0]
    torch.testing.assert_close(logp.double(), expected, rtol=1e-6, atol=1e-6)


def draws(settings, number=0, prompt=(0,)):
    return Draws(Request(ids=prompt, settings=settings, number=number))


def test_the_penalty_is_that_of_transformers_over_prompt_and_answer():
    scores, prompts = logits(rows=2), [[3, 3, 8], [5]]
    both = [draws(GenerateSettings(repetition_penalty=1.7), prompt=prompt) for prompt in prompts]
    first, second = choose(scores, both), choose(scores, both)
    for row, prompt in enumerate(prompts):
        seen = list(prompt)
        for tokens in (first, second):
            theirs = RepetitionPenaltyLogitsProcessor(1.7)(torch.tensor([seen]), scores[row : row + 1])
            assert tokens[row].id == int(theirs.argmax())
            seen.append(tokens[row].id)


def test_draws_depend_on_the_samples_number_and_the_seed_alone():
    settings = GenerateSettings(temperature=1.0, seed=3)
    scores = logits(rows=1)

    def drawn(settings, numbers):
        rows = [draws(settings, number) for number in numbers]
        steps = [choose(scores.expand(len(rows), -1), rows) for _ in range(20)]
        return [[step[row].id for step in steps] for row in range(len(rows))]

    both, alone = drawn(settings, [0, 5]), drawn(settings, [5])
    assert both[1] == alone[0] and both[0] != both[1]
    assert drawn(GenerateSettings(temperature=1.0, seed=4), [5]) != alone


def test_drawing_leaves_the_default_generators_alone():
    before, theirs = torch.get_rng_state(), str(np.random.get_state())
    choose(logits(rows=1), [draws(GenerateSettings(temperature=1.0))])
    assert torch.equal(torch.get_rng_state(), before) and str(np.random.get_state()) == theirs


def test_logprobs_are_the_models_own_whatever_the_filters_are():
    scores = logits()
    settings = GenerateSettings(temperature=0.3, top_k=2, repetition_penalty=2.0, top_logprobs=3)
    tokens = choose(scores, [draws(settings, number) for number in range(4)])
    expected = torch.log_softmax(scores, -1)
    for row, token in enumerate(tokens):
        assert token.logprob == pytest.approx(float(expected[row, token.id]))
        values, places = expected[row].topk(3)
        assert [place for place, _ in token.top] == places.tolist()
        assert [value for _, value in token.top] == pytest.approx(values.tolist())


def test_answers_of_other_settings_beside_it_change_neither_a_token_nor_its_log_p():
    scores = logits(rows=3)
    each = [
        Request(ids=[0], settings=GenerateSettings(temperature=0.7, top_p=0.9), number=1, tells_draws=True),
        Request(ids=[0], settings=GenerateSettings(logprobs=True), number=2),
        Request(ids=[0], settings=GenerateSettings(temperature=2.0), number=3, tells_draws=True),
    ]
    together = choose(scores, [Draws(request) for request in each])
    assert together == [choose(scores[i : i + 1], [Draws(request)])[0] for i, request in enumerate(each)]
    for token, row, temperature in zip(together, scores, (0.7, 1.0, 2.0), strict=True):
        assert token.logprob == pytest.approx(float(torch.log_softmax(row / temperature, -1)[token.id]), abs=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"max_new_tokens": 0},
        {"stop": "x"},
        {"stop": ("",)},
        {"min_p": 2},
    ],
)
def test_settings_out_of_bounds_are_refused_with_a_hint(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))) as error:
        GenerateSettings(**wrong)
    assert error.value.hint


def test_what_the_authors_recommend_is_read_from_the_generation_config():
    from transformers import GenerationConfig

    config = GenerationConfig(do_sample=True, temperature=0.6, top_k=20, top_p=0.95)
    assert {**recommended(config), "repetition_penalty": 1.0} == {
        "temperature": 0.6,
        "top_k": 20,
        "top_p": 0.95,
        "repetition_penalty": 1.0,
    }
    assert "temperature" not in recommended(GenerationConfig(do_sample=False)) and recommended(None) == {}
