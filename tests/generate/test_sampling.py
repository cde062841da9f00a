"""Choosing tokens: filters as transformers has them, draws that follow the distribution, seeds of their own."""

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
from whet.generate.sampling import Sampler, candidates, draw, draw_told

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


def test_draws_follow_the_distribution_and_never_leave_it():
    settings = GenerateSettings(temperature=1.0, top_p=0.8)
    scores = (logits(rows=1) / 3).expand(20_000, VOCAB)
    uniforms = torch.rand(20_000, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    counts = torch.bincount(draw(scores, uniforms, settings), minlength=VOCAB).double()
    expected = ours(scores[:1], settings)[0] * 20_000
    assert counts[expected == 0].sum() == 0
    kept = expected > 0
    chi_squared = float(((counts - expected)[kept] ** 2 / expected[kept]).sum())
    degrees = int(kept.sum()) - 1
    assert degrees > 10 and chi_squared < degrees + 5 * (2 * degrees) ** 0.5


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


def test_the_penalty_is_that_of_transformers_over_prompt_and_answer():
    scores, prompts = logits(rows=2), [[3, 3, 8], [5]]
    sampler = Sampler(GenerateSettings(repetition_penalty=1.7), [0, 1], prompts)
    first, _ = sampler.choose(scores)
    second, _ = sampler.choose(scores)
    for row, prompt in enumerate(prompts):
        seen = list(prompt)
        for ids in (first, second):
            theirs = RepetitionPenaltyLogitsProcessor(1.7)(torch.tensor([seen]), scores[row : row + 1])
            assert int(ids[row]) == int(theirs.argmax())
            seen.append(int(ids[row]))


def test_a_rows_draws_depend_on_its_number_and_the_seed_alone():
    settings = GenerateSettings(temperature=1.0, seed=3)
    scores = logits(rows=1)

    def drawn(settings, rows):
        sampler = Sampler(settings, rows, [[0]] * len(rows))
        return torch.stack([sampler.choose(scores.expand(len(rows), -1))[0] for _ in range(20)], 1).tolist()

    both, alone = drawn(settings, [0, 5]), drawn(settings, [5])
    assert both[1] == alone[0] and both[0] != both[1]
    assert drawn(GenerateSettings(temperature=1.0, seed=4), [5]) != alone


def test_drawing_leaves_the_default_generator_alone():
    before = torch.get_rng_state()
    sampler = Sampler(GenerateSettings(temperature=1.0), [0], [[0]])
    sampler.choose(logits(rows=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_logprobs_are_the_models_own_whatever_the_filters_are():
    scores = logits()
    settings = GenerateSettings(temperature=0.3, top_k=2, repetition_penalty=2.0, top_logprobs=3)
    ids, tokens = Sampler(settings, [0, 1, 2, 3], [[0]] * 4).choose(scores)
    expected = torch.log_softmax(scores, -1)
    for row, token in enumerate(tokens):
        assert token.id == int(ids[row])
        assert token.logprob == pytest.approx(float(expected[row, token.id]))
        values, places = expected[row].topk(3)
        assert [place for place, _ in token.top] == places.tolist()
        assert [value for _, value in token.top] == pytest.approx(values.tolist())


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
