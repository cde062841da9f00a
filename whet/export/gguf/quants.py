"""Blocks of GGUF: matrices to the bytes of F16, BF16, Q8_0, Q5_0, Q4_0 (by `gguf`), Q6_K and Q4_K (ours)."""

# N number of super-blocks  J sub-blocks of one  E entries of a sub-block

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

SUPER = 256
SMALL = 32
# Rows are quantized in pieces, so that the search for scales does not fill memory.
_PIECE = 1 << 22


def block_type(kind: str, columns: int) -> str:
    """The type that a row of this length can have: K-types need 256 columns, the others 32, as llama.cpp falls back."""
    if kind in ("Q4_K", "Q6_K") and columns % SUPER:
        kind = "Q5_0" if kind == "Q4_K" else "Q8_0"
    if kind in ("Q8_0", "Q5_0", "Q4_0") and columns % SMALL:
        kind = "F16"
    return kind


def packed(matrix: Tensor, kind: str) -> np.ndarray:
    """The rows of a float32 matrix as GGUF stores them in the type `kind`; bytes, or floats for F32 and F16."""
    import gguf

    if kind not in ("Q4_K", "Q6_K"):
        return gguf.quants.quantize(matrix.numpy(), getattr(gguf.GGMLQuantizationType, kind))
    pack = _q4_k if kind == "Q4_K" else _q6_k
    blocks = matrix.reshape(-1, SUPER)
    step = max(1, _PIECE // SUPER)
    parts = [pack(blocks[start : start + step]) for start in range(0, len(blocks), step)]
    return torch.cat(parts).reshape(*matrix.shape[:-1], -1).numpy()


def _q6_k(blocks: Tensor) -> Tensor:
    """Entries of 6 bits, a scale of 8 bits for each 16 of them, one of 16 bits for all (210 bytes for 256)."""
    x_NJE = blocks.reshape(-1, 16, 16)
    scales_NJ = _symmetric_scales(x_NJE, 32)
    widest_N = scales_NJ.gather(1, scales_NJ.abs().argmax(1, keepdim=True))[:, 0]
    d_N = (widest_N / -128).half()
    units_NJ = _divided(scales_NJ, d_N.float()[:, None]).round().clamp(-128, 127)
    steps_NJ = d_N.float()[:, None] * units_NJ
    q = (_divided(x_NJE, steps_NJ[..., None]).round().clamp(-32, 31) + 32).to(torch.uint8).reshape(-1, 2, 4, 32)
    low = torch.cat([q[:, :, 0] & 15 | (q[:, :, 2] & 15) << 4, q[:, :, 1] & 15 | (q[:, :, 3] & 15) << 4], -1)
    high = q[:, :, 0] >> 4 | q[:, :, 1] >> 4 << 2 | q[:, :, 2] >> 4 << 4 | q[:, :, 3] >> 4 << 6
    return torch.cat([low.flatten(1), high.flatten(1), _bytes(units_NJ.to(torch.int8)), _bytes(d_N[:, None])], 1)


def _q4_k(blocks: Tensor) -> Tensor:
    """Entries of 4 bits, a scale and a minimum of 6 bits for each 32 of them, of 16 bits for all (144 bytes)."""
    x_NJE = blocks.reshape(-1, 8, 32)
    scales_NJ, lows_NJ = _affine_scales(x_NJE, 15)
    d_N, m_N = ((part.amax(1) / 63).half() for part in (scales_NJ, lows_NJ))
    units_NJ = _divided(scales_NJ, d_N.float()[:, None]).round().clamp(0, 63)
    mins_NJ = _divided(lows_NJ, m_N.float()[:, None]).round().clamp(0, 63)
    steps_NJ, shifts_NJ = d_N.float()[:, None] * units_NJ, m_N.float()[:, None] * mins_NJ
    q = _divided(x_NJE + shifts_NJ[..., None], steps_NJ[..., None]).round().clamp(0, 15).to(torch.uint8)
    pairs = q.reshape(-1, 4, 2, 32)
    entries = (pairs[:, :, 0] | pairs[:, :, 1] << 4).flatten(1)
    u, m = units_NJ.to(torch.uint8), mins_NJ.to(torch.uint8)
    packed_scales = torch.cat(
        [u[:, :4] | u[:, 4:] >> 4 << 6, m[:, :4] | m[:, 4:] >> 4 << 6, u[:, 4:] & 15 | (m[:, 4:] & 15) << 4], 1
    )
    return torch.cat([_bytes(d_N[:, None]), _bytes(m_N[:, None]), packed_scales, entries], 1)


def _symmetric_scales(x_NJE: Tensor, levels: int) -> Tensor:
    """For each sub-block the scale s that makes x near to s * q, q in [-levels, levels), squares weighing x squared.

    Candidates put the largest entry near the last level, and for the integers that each gives, the best scale is that
    of least squares.
    """
    widest_NJ1 = x_NJE.gather(-1, x_NJE.abs().argmax(-1, keepdim=True))
    weight_NJE = x_NJE.square()
    best_NJ = torch.zeros(x_NJE.shape[:-1])
    gain_NJ = torch.zeros_like(best_NJ)
    for nudge in range(-9, 10):
        q_NJE = _divided(x_NJE * -(levels + 0.1 * nudge), widest_NJ1).round().clamp(-levels, levels - 1)
        along_NJ = (weight_NJE * x_NJE * q_NJE).sum(-1)
        length_NJ = (weight_NJE * q_NJE.square()).sum(-1)
        found_NJ = _divided(along_NJ.square(), length_NJ)  # how much of the squares this scale explains
        is_better = found_NJ > gain_NJ
        best_NJ = torch.where(is_better, _divided(along_NJ, length_NJ), best_NJ)
        gain_NJ = torch.where(is_better, found_NJ, gain_NJ)
    return best_NJ


def _affine_scales(x_NJE: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """For each sub-block a scale s and a low end m, both >= 0, that make x near to s * q - m, q in [0, top].

    Errors weigh more where entries are large. For the integers of each candidate, s and m are those of least squares.
    """
    weight_NJE = x_NJE.square().mean(-1, keepdim=True).sqrt() + x_NJE.abs()
    low_NJ = x_NJE.amin(-1).clamp_max(0)
    width_NJ = x_NJE.amax(-1) - low_NJ
    sums = weight_NJE.sum(-1), (weight_NJE * x_NJE).sum(-1)
    best = width_NJ / top, -low_NJ
    error_NJ = torch.full_like(low_NJ, torch.inf)
    for nudge in range(-1, 21):
        q_NJE = (x_NJE - low_NJ[..., None]) * _divided(torch.full_like(low_NJ, top - 1 + 0.1 * nudge), width_NJ)[
            ..., None
        ]
        q_NJE = q_NJE.round().clamp(0, top)
        found = _least_squares(x_NJE, q_NJE, weight_NJE, sums)
        off_NJ = (weight_NJE * (found[0][..., None] * q_NJE - found[1][..., None] - x_NJE).square()).sum(-1)
        is_better = off_NJ < error_NJ
        best = torch.where(is_better, found[0], best[0]), torch.where(is_better, found[1], best[1])
        error_NJ = torch.where(is_better, off_NJ, error_NJ)
    return best


def _least_squares(
    x_NJE: Tensor, q_NJE: Tensor, weight_NJE: Tensor, sums: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """The s and m >= 0 that minimise the weighted squares of s * q - m - x; without a low end where m would be less."""
    w, wx = sums
    wq, wqq, wqx = ((weight_NJE * part).sum(-1) for part in (q_NJE, q_NJE.square(), q_NJE * x_NJE))
    determinant = w * wqq - wq.square()
    scale, low = _divided(w * wqx - wq * wx, determinant), _divided(wq * wqx - wqq * wx, determinant)
    plain = _divided(wqx, wqq).clamp_min(0)
    has_low = (low >= 0) & (determinant > 0)
    return torch.where(has_low, scale.clamp_min(0), plain), torch.where(has_low, low, torch.zeros_like(low))


def _divided(over: Tensor, under: Tensor) -> Tensor:
    """Zero where the divisor is zero."""
    return torch.where(under == 0, 0.0, over / torch.where(under == 0, 1.0, under))


def _bytes(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.uint8)
