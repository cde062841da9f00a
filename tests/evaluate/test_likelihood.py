"""Scores of samples: those of a plain forward each, whatever they are packed with."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.contracts.model import Capabilities, Loaded
from whet.contracts.sample import Sample
from whet.evaluate.likelihood import score
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel


def samples(lengths, seed=0):
    random = np.random.default_rng(seed)
    return [
        Sample(random.integers(3, 300, n).astype(np.int32), random.choice([0, 0.5, 1], n).astype(np.float32))
        for n in lengths
    ]


def plain(module, sample):
    """log p and greedy hits of the tokens with a weight, from one forward of transformers over the sample alone."""
    ids = torch.tensor(sample.ids[None].astype(np.int64))
    with torch.no_grad():
        logprobs = torch.log_softmax(module(ids[:, :-1]).logits[0].double(), -1)
    targets, counted = ids[0, 1:], torch.tensor(sample.weights[1:] > 0)
    picked = logprobs.gather(1, targets[:, None]).squeeze(1)[counted]
    return picked.numpy(), (logprobs.argmax(-1) == targets)[counted].numpy()


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
@pytest.mark.parametrize("is_packed", [True, False])
def test_scores_are_those_of_a_forward_a_sample(loaded, batch_tokens, is_packed):
    model = LanguageModel(loaded.module, packed=is_packed)
    one = replace(loaded, model=model, capabilities=replace(loaded.capabilities, packed=is_packed))
    given = samples([7, 33, 2, 1, 20, 12])
    for sample, found in zip(given, score(one, given, batch_tokens=batch_tokens), strict=True):
        if sample.num_tokens < 2:
            assert len(found.logprobs) == 0
            continue
        logprobs, hits = plain(loaded.module, sample)
        np.testing.assert_allclose(found.logprobs, logprobs, rtol=1e-4, atol=1e-5)
        assert np.array_equal(found.hits, hits)
        assert np.array_equal(found.weights, sample.weights[1:][sample.weights[1:] > 0])
        assert found.loglikelihood == pytest.approx(logprobs.sum(), rel=1e-5)


def test_a_training_model_is_scored_without_dropout_and_left_training():
    attention.register()
    module = tiny.module("gpt2", resid_pdrop=0.5, embd_pdrop=0.5)
    module.set_attn_implementation(attention.NAME)
    one = Loaded(module, None, Capabilities(), LanguageModel(module), {})
    given = samples([9, 5])
    expected = score(one, given)
    module.train()
    again = score(one, given)
    assert module.training and module.transformer.drop.training
    assert all(np.array_equal(a.logprobs, b.logprobs) for a, b in zip(expected, again, strict=True))


def test_progress_is_told_up_to_the_last_sample(loaded):
    seen = []
    score(loaded, samples([5, 6, 7]), batch_tokens=1, watch=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_sample_may_be_one_token_longer_than_the_context_and_no_more(loaded):
    score(loaded, samples([33]))
    with pytest.raises(ModelError, match="33 tokens and the model's context is 32"):
        score(loaded, samples([34]))
