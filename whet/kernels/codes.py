"""Codes: a matrix as small numbers on a grid, with a scale (and a zero) for every group of inputs of a row."""

# O rows (outputs)  I inputs  G groups of a row  R rows of words  W words of 32 bits

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

FLOAT8 = torch.float8_e4m3fn


@dataclass(frozen=True, slots=True)
class Grid:
    """What values a row may take: `bits` wide integers (or, with `floats`, FP8 E4M3) times a scale.

    `group` inputs share a scale; None is the whole row. `symmetric` grids have their zero at the code 0. Scales are
    kept in `scale_dtype`, and codes are chosen for the scale as it is kept.
    """

    bits: int = 4
    group: int | None = 128
    symmetric: bool = True
    floats: bool = False
    scale_dtype: torch.dtype = torch.float32

    @property
    def lowest(self) -> int:
        return -(1 << (self.bits - 1))

    @property
    def highest(self) -> int:
        return (1 << (self.bits - 1)) - 1

    def size(self, inputs: int) -> int:
        """How many inputs share a scale in a row of `inputs`."""
        return self.group or inputs


@dataclass(frozen=True, slots=True)
class Codes:
    """A matrix on a grid: `codes` int8 or float8 (O, I), `scale` (O, G), `zero` int8 (O, G) or None where all are 0.

    `group_of` (I,) int32 is each input's group, where groups are not runs of neighbours. A weight is
    (code - zero) * scale.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None = None
    group_of: Tensor | None = None

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """The matrix again (O, I). Products are fp32, then rounded to `dtype`."""
        scale_OG, codes_OI = self.scale.float(), self.codes.float()
        if self.group_of is not None:
            index_I = self.group_of.long()
            zero_OI = 0.0 if self.zero is None else self.zero.float()[:, index_I]
            return ((codes_OI - zero_OI) * scale_OG[:, index_I]).to(dtype)
        grouped_OGI = codes_OI.view(len(codes_OI), scale_OG.shape[1], -1)
        zero_OG1 = 0.0 if self.zero is None else self.zero.float()[:, :, None]
        return ((grouped_OGI - zero_OG1) * scale_OG[:, :, None]).view(codes_OI.shape).to(dtype)


def fit(weight_OI: Tensor, grid: Grid) -> tuple[Tensor, Tensor | None]:
    """Scale (O, G) and zero (O, G) of each group of neighbours.

    A symmetric scale lets the largest magnitude fall on the highest code, the lowest, or half-way between them,
    whichever leaves the smaller squared error: what lies on a grid already is found again. An asymmetric grid spans
    the smallest to the largest weight, and 0.
    """
    groups_OGI = weight_OI.float().view(len(weight_OI), -1, grid.size(weight_OI.shape[1]))
    largest_OG = groups_OGI.abs().amax(-1)
    if grid.floats:
        return _kept(largest_OG / torch.finfo(FLOAT8).max, grid), None
    if not grid.symmetric:
        top_OG, bottom_OG = groups_OGI.amax(-1).clamp(min=0), groups_OGI.amin(-1).clamp(max=0)
        scale_OG = _kept((top_OG - bottom_OG) / (grid.highest - grid.lowest), grid)
        zero_OG = (-bottom_OG / scale_OG.float()).round() + grid.lowest
        return scale_OG, zero_OG.clamp(grid.lowest, grid.highest).to(torch.int8)
    best_OG, least_OG = torch.empty_like(largest_OG), torch.full_like(largest_OG, torch.inf)
    for code in (grid.highest, -grid.lowest, (grid.highest - grid.lowest) / 2):
        scale_OG = _kept(largest_OG / code, grid).float()
        steps_OGI = groups_OGI / scale_OG[:, :, None]
        error_OG = (steps_OGI.round().clamp_(grid.lowest, grid.highest) - steps_OGI).square().sum(-1)
        error_OG *= scale_OG.square()
        best_OG = torch.where(error_OG < least_OG, scale_OG, best_OG)
        least_OG = torch.minimum(error_OG, least_OG)
    return best_OG.to(grid.scale_dtype), None


def nearest(weight_OI: Tensor, grid: Grid, scale: Tensor | None = None, zero: Tensor | None = None) -> Codes:
    """Every weight on the nearest point of its group's grid: that of `fit`, or of the `scale` and `zero` given."""
    if scale is None:
        scale, zero = fit(weight_OI, grid)
    groups_OGI = weight_OI.float().view(len(weight_OI), scale.shape[1], -1)
    codes = encoded(groups_OGI, scale[:, :, None], None if zero is None else zero[:, :, None], grid)
    return Codes(codes.view(weight_OI.shape), scale, zero)


def encoded(weight: Tensor, scale: Tensor, zero: Tensor | None, grid: Grid) -> Tensor:
    """The codes of weights, with scales and zeros that broadcast over them."""
    steps = weight.float() / scale.float()
    if grid.floats:
        largest = torch.finfo(FLOAT8).max
        return steps.clamp_(-largest, largest).to(FLOAT8)
    if zero is not None:
        steps += zero.float()
    return steps.round_().clamp_(grid.lowest, grid.highest).to(torch.int8)


def decoded(codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
    """The fp32 weights of codes, with scales and zeros that broadcast over them."""
    steps = codes.float() if zero is None else codes.float() - zero.float()
    return steps * scale.float()


def pack(codes: Tensor, bits: int) -> Tensor:
    """Unsigned codes of `bits` (4 or 8), the first in the lowest bits of each int32 word: (R, I) to (R, W)."""
    per_word = 32 // bits
    codes = F.pad(codes, (0, -codes.shape[1] % per_word)).to(torch.int64).view(len(codes), -1, per_word)
    shifts = torch.arange(per_word, device=codes.device) * bits
    words = (codes << shifts).sum(-1)
    return torch.where(words >= 1 << 31, words - (1 << 32), words).to(torch.int32)


def unpack(words: Tensor, bits: int, count: int) -> Tensor:
    """The unsigned codes again, int16: (R, W) to (R, `count`)."""
    shifts = torch.arange(32 // bits, device=words.device, dtype=torch.int32) * bits
    codes = (words[:, :, None] >> shifts) & ((1 << bits) - 1)
    return codes.view(len(words), -1)[:, :count].to(torch.int16)


def _kept(scale: Tensor, grid: Grid) -> Tensor:
    """The scale as it is kept; 1 where a group is all zeros, or too small for the dtype."""
    kept = scale.to(grid.scale_dtype)
    return torch.where(kept > 0, kept, torch.ones_like(kept))
