"""Law 1 and law 2, architecture by architecture, with transformers' own forward as the oracle."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.exact import rounding
from tests.models.architectures import ARCHITECTURES, VOCAB, tiny_model
from tests.models.batches import packed, random_samples
from tests.models.support_table import verdict
from whet.models.language import LanguageModel

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
    module = model_of(name, "whet" if found.packed else None, dtype)
    loss = LanguageModel(module, packed=found.packed, head_mode=found.head).run(packed(SAMPLES, WEIGHTS), NLL)["nll"]
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


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_one_batch_gives_the_loss_and_gradients_of_separate_forwards(name):
    for dtype, limit in LIMITS.items():
        loss, found = together(name, dtype)
        expected_loss, expected = separate(name, dtype)
        assert abs(loss - expected_loss) <= limit * expected_loss
        assert largest_error(found, expected) <= limit


@pytest.mark.parametrize("name", ["bloom", "falcon", "lfm2"])
def test_a_model_that_mixes_packed_samples_is_found_out(name):
    found = verdict(name)
    assert not found.packed
    assert len(found.notices) == 1
    assert found.notices[0].startswith(f"{name} trains one sample a row, padded, because")


@pytest.mark.parametrize("name", sorted(set(ARCHITECTURES) - {"bloom", "falcon", "lfm2"}))
def test_every_other_architecture_packs_with_a_chunked_head_and_says_nothing(name):
    found = verdict(name)
    assert (found.packed, found.head, found.notices) == (True, "chunked", ())
