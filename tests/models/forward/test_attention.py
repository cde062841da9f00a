from __future__ import annotations

import pytest
import torch

from tests.models.architectures import VOCAB, tiny_model
from tests.models.batches import random_samples
from whet.models.forward import attention

attention.register()
GENERATION = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2", "gpt_oss", "gpt2", "cohere2"])
@pytest.mark.parametrize("cache", [True, False])
def test_generation_is_that_of_the_models_own_attention(name, cache):
    """Beyond the sliding window (6), with prompts of two lengths padded on the left."""
    long, short = random_samples([9, 4], VOCAB)
    ids = torch.tensor([long, [0] * 5 + short])
    mask = torch.tensor([[1] * 9, [0] * 5 + [1] * 4])
    found, expected = (
        tiny_model(name, a).generate(ids, attention_mask=mask, use_cache=cache, **GENERATION) for a in ("whet", None)
    )
    assert torch.equal(found, expected)


def test_a_step_with_a_cache_gives_the_logits_of_the_whole_sequence():
    module = tiny_model("gemma2", "whet")
    ids = torch.tensor(random_samples([15], VOCAB))
    whole = module(ids, use_cache=False).logits
    first = module(ids[:, :11], use_cache=True)
    rest = module(ids[:, 11:], past_key_values=first.past_key_values, use_cache=True).logits
    torch.testing.assert_close(rest, whole[:, 11:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["llama", "mistral", "gemma2"])
def test_a_static_cache_is_read_only_as_far_as_it_is_filled(name):
    ids = torch.tensor(random_samples([9], VOCAB))
    found, expected = (
        tiny_model(name, a).generate(ids, cache_implementation="static", **GENERATION) for a in ("whet", None)
    )
    assert torch.equal(found, expected)


def test_registering_again_keeps_other_names():
    from transformers import AttentionInterface

    before = set(AttentionInterface().valid_keys())
    attention.register()
    assert set(AttentionInterface().valid_keys()) == before | {"whet"}
