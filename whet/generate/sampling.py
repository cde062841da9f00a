"""Choosing the next token: the most likely one, or one drawn from a filtered distribution."""

# B rows  V vocab  K kept candidates, most likely first  N tokens of an answer

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from whet.base.seeds import derive
from whet.generate.protocol import GenerateSettings

# A temperature at which the likeliest token is certain. Below it scores would grow beyond what numbers hold.
_COLDEST = 1e-6


def draw(scores_BV: Tensor, uniforms_B: Tensor, settings: GenerateSettings) -> Tensor:
    """The token (B,) at which the filtered cumulative distribution passes each uniform number."""
    probs_BK, ids_BK = candidates(scores_BV, settings)
    cumulative_BK = probs_BK.cumsum(-1)
    # Above `right=True` and a number below the total, a candidate of probability 0 is never met.
    targets_B1 = uniforms_B.to(cumulative_BK.dtype)[:, None] * cumulative_BK[:, -1:]
    place_B1 = torch.searchsorted(cumulative_BK, targets_B1, right=True).clamp(max=probs_BK.shape[1] - 1)
    return place_B1.squeeze(1) if ids_BK is None else ids_BK.gather(1, place_B1).squeeze(1)


def draw_told(scores_BV: Tensor, uniforms_B: Tensor, settings: GenerateSettings) -> tuple[Tensor, Tensor]:
    """The token (B,) that `draw` gives, and its log p (B,) at the temperature without filters, float32.

    Without filters both come of one pass: probabilities are left unnormalised in float32, and only their sums are
    wide. That is a third of the time of `draw` and a softmax beside it (measured with 32 rows of 32,000).
    """
    if settings.temperature != 1:
        scores_BV = scores_BV / max(settings.temperature, _COLDEST)
    shifted_BV = scores_BV - scores_BV.amax(-1, keepdim=True)
    if settings.top_k or settings.top_p < 1 or settings.min_p:
        ids_B = draw(shifted_BV, uniforms_B, replace(settings, temperature=1.0))
        total_B = shifted_BV.exp().sum(-1)
    else:
        cumulative_BV = shifted_BV.exp().cumsum(-1, dtype=_wide(scores_BV))
        total_B = cumulative_BV[:, -1]
        targets_B1 = uniforms_B.to(cumulative_BV.dtype)[:, None] * total_B[:, None]
        ids_B = torch.searchsorted(cumulative_BV, targets_B1, right=True).clamp(max=scores_BV.shape[1] - 1).squeeze(1)
    return ids_B, shifted_BV.gather(1, ids_B[:, None]).squeeze(1) - total_B.log().float()


def candidates(scores_BV: Tensor, settings: GenerateSettings) -> tuple[Tensor, Tensor | None]:
    """Probabilities (B, K), 0 for what a filter took, and the ids (B, K) they belong to (None: in order of id).

    In float64, or the many small probabilities of a large vocabulary would not add up; in float32 where the device has
    no other (Apple's GPUs). Top-k keeps exactly k, also among equals.
    """
    scores_BV, ids_BK = scores_BV.to(_wide(scores_BV)) / max(settings.temperature, _COLDEST), None
    if 0 < settings.top_k < scores_BV.shape[1]:
        scores_BV, ids_BK = scores_BV.topk(settings.top_k)
    elif settings.top_p < 1:
        scores_BV, ids_BK = scores_BV.sort(descending=True, stable=True)
    probs_BK = torch.softmax(scores_BV, -1)
    keep_BK = torch.ones_like(probs_BK, dtype=torch.bool)
    if settings.top_p < 1:
        # A candidate stays if those before it have not reached `top_p`: the smallest set that reaches it.
        keep_BK &= probs_BK.cumsum(-1) - probs_BK < settings.top_p
    if settings.min_p > 0:
        keep_BK &= probs_BK >= settings.min_p * probs_BK.amax(-1, keepdim=True)
    return probs_BK * keep_BK, ids_BK


def _wide(scores: Tensor) -> torch.dtype:
    return torch.float32 if scores.device.type == "mps" else torch.float64


def uniforms(seed: int, sample: int, num: int) -> np.ndarray:
    """The numbers (N,) that a sample's tokens are drawn by, one a place. Answers have no other randomness.

    The number of a place is the counter's of a Philox generator whose key is (seed, sample). It depends on nothing
    else: not on the device, on what else is answered, on how many places are asked for, or on a generator's state.
    """
    return np.random.Generator(np.random.Philox(key=derive("generate", seed, sample))).random(num)
