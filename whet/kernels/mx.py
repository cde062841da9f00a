"""MXFP8: blocks of 32 numbers in e4m3 that share a power of two (OCP Microscaling Formats specification 1.0, 6.3).

The shared exponent is that of the largest size in the block, less that of the format's largest number; numbers are then
rounded to the nearest, ties to even, and those beyond the format's range to its largest.
"""

# M rows  S numbers of a row, along which products are summed

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 32
E4M3, E8M0 = torch.float8_e4m3fn, torch.float8_e8m0fnu
_LARGEST, _TOP = 448.0, 8  # the largest number of e4m3, and its exponent
_BIAS, _NO_NUMBER = 127, 255  # of e8m0
# Scales of 128 rows and 4 blocks lie together for a GPU's product (cuBLAS, "block scaling factors layout").
_ROWS, _COLUMNS = 128, 4


def quantize(x_MS: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers (M, S) in e4m3, and the scale of each block (M, S / 32) in e8m0. S is a multiple of 32.

    A block with something that is not finite has no scale: all its numbers are undefined.
    """
    rows, width = x_MS.shape
    blocks = x_MS.float().view(rows, width // BLOCK, BLOCK)
    largest = blocks.abs().amax(-1) if blocks.numel() else blocks.new_zeros(rows, width // BLOCK)
    exponent = torch.where(largest > 0, torch.frexp(largest)[1] - 1 - _TOP, -_BIAS).clamp(-_BIAS, _BIAS)
    # 2^-exponent may lie beyond float32: two factors that do not.
    half = torch.div(-exponent, 2, rounding_mode="floor")
    scaled = torch.ldexp(torch.ldexp(blocks, half[..., None]), (-exponent - half)[..., None])
    numbers = scaled.clamp(-_LARGEST, _LARGEST).to(E4M3).view(rows, width)
    codes = torch.where(largest.isfinite(), exponent + _BIAS, _NO_NUMBER).to(torch.uint8)
    return numbers, codes.view(E8M0)


def dequantize(numbers_MS: Tensor, scales: Tensor) -> Tensor:
    """The numbers (M, S) in float32."""
    rows, width = numbers_MS.shape
    blocks = numbers_MS.float().view(rows, width // BLOCK, BLOCK)
    return (blocks * scales.float()[..., None]).view(rows, width)


def product(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor], out: torch.dtype) -> Tensor:
    """The product (M, N) of (M, S) and (N, S), of blocks each: by the tensor cores of a GPU that has it."""
    (left, left_scales), (right, right_scales) = a, b
    blocks = F.ScalingType.BlockWise1x32
    swizzle = F.SwizzleType.SWIZZLE_32_4_4
    return F.scaled_mm(
        left, right.t(), swizzled(left_scales), blocks, swizzled(right_scales), blocks,
        swizzle_a=swizzle, swizzle_b=swizzle, output_dtype=torch.bfloat16,
    ).to(out)  # fmt: skip


def swizzled(scales: Tensor) -> Tensor:
    """Scales (M, B) flat, in tiles of 128 rows and 4 blocks: of a tile rows 0, 32, 64, 96 come first, then 1, 33, ...

    What a tile lacks is filled with zeros.
    """
    rows, columns = scales.shape
    tall, wide = -(-rows // _ROWS), -(-columns // _COLUMNS)
    codes = F.pad(scales.view(torch.uint8), (0, wide * _COLUMNS - columns, 0, tall * _ROWS - rows))
    tiles = codes.view(tall, 4, 32, wide, _COLUMNS).permute(0, 3, 2, 1, 4)
    return tiles.reshape(-1).view(E8M0)
