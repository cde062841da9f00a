"""Choosing the next token: the most likely one, or one drawn from a filtered distribution."""

# B rows  V vocab  K kept candidates, most likely first  N tokens of an answer

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from whet.base.seeds import derive
from whet.generate.protocol import GenerateSettings

# A temperature at which the likeliest token is certain. Below it scores would grow beyond what numbers hold.
_COLDEST = 1e-6
# Weights of a block, whose sum is looked at before they are.
_WIDTH = 128


def draw(scores_BV: Tensor, uniforms_B: Tensor, settings: GenerateSettings) -> Tensor:
    """The token (B,) at which the filtered cumulative distribution passes each uniform number."""
    if not _filters(settings):
        return draw_told(scores_BV, uniforms_B, settings)[0]
    probs_BK, ids_BK = candidates(scores_BV, settings)
    cumulative_BK = probs_BK.cumsum(-1)
    place_B = _passed(cumulative_BK, uniforms_B.to(cumulative_BK.dtype) * cumulative_BK[:, -1])
    return place_B if ids_BK is None else ids_BK.gather(1, place_B[:, None]).squeeze(1)


def draw_told(scores_BV: Tensor, uniforms_B: Tensor, settings: GenerateSettings) -> tuple[Tensor, Tensor]:
    """The token (B,) that `draw` gives, and its log p (B,) at the temperature without filters, float32.

    Without filters both come of one pass: probabilities are left unnormalised in float32, and only their sums are wide.
    """
    if settings.temperature != 1:
        scores_BV = scores_BV / max(settings.temperature, _COLDEST)
    shifted_BV = scores_BV - scores_BV.amax(-1, keepdim=True)
    if _filters(settings):
        ids_B = draw(shifted_BV, uniforms_B, replace(settings, temperature=1.0))
        total_B = shifted_BV.exp().sum(-1)
    else:
        ids_B, total_B = _drawn(shifted_BV.exp(), uniforms_B)
    return ids_B, shifted_BV.gather(1, ids_B[:, None]).squeeze(1) - total_B.log().float()


def _drawn(weights_BV: Tensor, uniforms_B: Tensor) -> tuple[Tensor, Tensor]:
    """The place (B,) at which the sum of weights passes each number's share of the total, and the total (B,).

    The sums of blocks lead to one block, whose weights alone are summed one by one: a fifth of the time of a wide
    cumulative sum of all of them (64 rows of 32,000).
    """
    left = -weights_BV.shape[1] % _WIDTH
    blocks_BCW = (F.pad(weights_BV, (0, left)) if left else weights_BV).unflatten(1, (-1, _WIDTH))
    sums_BC = blocks_BCW.sum(-1, dtype=_wide(weights_BV)).cumsum(-1)
    total_B = sums_BC[:, -1]
    target_B = uniforms_B.to(total_B.dtype) * total_B
    block_B = _passed(sums_BC, target_B)
    before_B = F.pad(sums_BC, (1, 0)).gather(1, block_B[:, None]).squeeze(1)
    own_BW = blocks_BCW[torch.arange(len(block_B), device=block_B.device), block_B].to(total_B.dtype).cumsum(-1)
    return block_B * _WIDTH + _passed(own_BW, target_B - before_B), total_B


def _passed(cumulative_BK: Tensor, target_B: Tensor) -> Tensor:
    """The place (B,) at which each sum passes its target, which rounding may have put at the end of it: below that and
    with `right=True` a place of weight 0 is never met."""
    below_B = torch.nextafter(cumulative_BK[:, -1], torch.zeros_like(target_B))
    return torch.searchsorted(cumulative_BK, torch.minimum(target_B, below_B)[:, None], right=True).squeeze(1)


def _filters(settings: GenerateSettings) -> bool:
    return bool(settings.top_k or settings.top_p < 1 or settings.min_p)


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
