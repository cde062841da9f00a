"""Law 1 and law 2, architecture by architecture, with transformers' own forward as the oracle."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.exact import rounding
from tests.models.architectures import ARCHITECTURES, VOCAB, tiny_model, verdict
from tests.models.batches import packed, random_samples
from tests.sweeps import some
from whet.models.forward.language import LanguageModel
from whet.models.forward.recompute_state import checkpoint_options

# One of a single token, several beyond the sliding windows (6).
SAMPLES = random_samples([9, 17, 1, 12, 5], VOCAB)
# The first tokens of the second sample are context.
WEIGHTS = [[1.0] * 9, [0.0] * 6 + [1.0] * 11, [1.0], [1.0] * 12, [0.5] * 5]
NLL = frozenset({"nll"})


def separate(name: str, dtype: torch.dtype):
    """Loss and gradients of one plain forward a sample, in the attention that transformers chooses: SDPA or eager."""
    module = model_of(name, None, dtype)
    total = torch.zeros((), dtype=dtype)
    for sample, weights in zip(SAMPLES, WEIGHTS, strict=True):
        ids = torch.tensor(sample)
        logits = module(ids[None], use_cache=False).logits[0, :-1]
        losses = F.cross_entropy(logits, ids[1:], reduction="none")
        total = total + (losses * torch.tensor(weights[1:], dtype=dtype)).sum()
    total.backward()
    return total.item(), gradients(module)


def model_of(name, attention, dtype):
    module = tiny_model(name, attention).to(dtype)
    if dtype == torch.float64:
        module.set_experts_implementation("eager")  # torch's grouped matrix product has no float64
    return module


def gradients(module):
    return {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in module.named_parameters()}


def together(name: str, dtype: torch.dtype):
    """Loss and gradients of all samples in one batch, run as the probes decided."""
    found = verdict(name)
    module = model_of(name, found.attention, dtype)
    loss = LanguageModel(module, **found.how).run(packed(SAMPLES, WEIGHTS), NLL)["nll"]
    loss.backward()
    return loss.item(), gradients(module)


def largest_error(found, expected) -> float:
    """The law's measure: per tensor ||g - g_ref|| over max(||g_ref||, 1e-3 x global norm)."""
    floor = 1e-3 * torch.stack([g.norm() for g in expected.values()]).norm()
    return max(((found[n] - g).norm() / torch.maximum(g.norm(), floor)).item() for n, g in expected.items())


# Float64 shows that the law holds (transformers' norms and softmax round to float32 inside); what float32 adds is the
# rounding of sums over vocabulary and tokens, and in two layers over width, inner width and tokens.
LIMITS = {
    torch.float64: 1e-6,
    torch.float32: rounding(VOCAB, sum(map(len, SAMPLES)), *[32, 48, 32, max(map(len, SAMPLES))] * 2),
}


# One of each way to attend, to mix and to route; the others run with the slow tests.
NOW = (
    "llama", "qwen2", "gemma2", "gemma3_text", "gpt2", "bloom", "lfm2", "mixtral", "deepseek_v3", "mamba2",
    "qwen3_next",
)  # fmt: skip


@pytest.mark.parametrize("name", some(ARCHITECTURES, NOW))
def test_one_batch_gives_the_loss_and_gradients_of_separate_forwards(name):
    for dtype, limit in LIMITS.items():
        loss, found = together(name, dtype)
        expected_loss, expected = separate(name, dtype)
        assert abs(loss - expected_loss) <= limit * expected_loss
        assert largest_error(found, expected) <= limit


# Parts that mix the tokens of a row in a way of their own, which run sample by sample.
MIXERS = {
    "bloom": "BloomAttention", "falcon": "FalconAttention", "lfm2": "Lfm2ShortConv", "mamba2": "Mamba2Mixer",
    "qwen3_next": "Qwen3NextGatedDeltaNet",
    "gpt_neo": "GPTNeoSelfAttention",
}  # fmt: skip


@pytest.mark.parametrize("name", some(sorted(ARCHITECTURES), NOW))
@pytest.mark.case("G12")
def test_every_architecture_packs_with_a_chunked_head_and_says_nothing(name):
    found = verdict(name)
    assert (found.packed, found.head, found.notices) == (True, "chunked", ())
    assert found.packing.mixers == ((MIXERS[name],) if name in MIXERS else ())


@pytest.mark.parametrize("name", ["llama", "gemma3_text", "lfm2", "mamba2"])
def test_branches_share_what_is_computed_of_their_beginning(name):
    assert verdict(name).shares


@pytest.mark.parametrize("name", ["lfm2", "bloom"])
@pytest.mark.case("G12")
def test_layers_that_are_recomputed_in_the_backward_pass_see_the_same_samples(name):
    """By then the forward pass is over, and an unpacked one may have been in between."""
    found, results = verdict(name), []
    for again in (False, True):
        module = model_of(name, found.attention, torch.float64).train()
        model = LanguageModel(module, **found.how)
        if again:
            module.gradient_checkpointing_enable(checkpoint_options(module))
        loss = model.run(packed(SAMPLES, WEIGHTS), NLL)["nll"]
        with torch.no_grad():
            module(torch.tensor([SAMPLES[0]]), use_cache=False)
        loss.backward()
        results.append(gradients(module))
    assert largest_error(results[1], results[0]) <= 1e-12
