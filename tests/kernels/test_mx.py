"""MXFP8 by its definition (OCP Microscaling Formats 1.0), computed with whole numbers and fractions."""

from __future__ import annotations

import bisect
import math
import random
from fractions import Fraction

import pytest
import torch

from whet.kernels.float8 import RECIPES, _Linear
from whet.kernels.mx import BLOCK, dequantize, quantize, swizzled

# Every size in e4m3 by its code: sign 1, exponent 4 (bias 7), mantissa 3 bits; 0x7F is no number.
SIZES = [
    (Fraction(8 * (code > 7) + (code & 7), 8)) * Fraction(2) ** max((code >> 3) - 7, -6) for code in range(127)
]  # fmt: skip


def by_definition(block: list[float]) -> tuple[list[int], int]:
    """The codes of a block's numbers, and that of their scale."""
    largest = max(abs(Fraction(value)) for value in block)
    exponent = -127
    if largest:
        log2 = largest.numerator.bit_length() - largest.denominator.bit_length()
        log2 -= Fraction(2) ** log2 > largest
        exponent = min(max(log2 - 8, -127), 127)
    codes = []
    for value in block:
        size = min(abs(Fraction(value)) / Fraction(2) ** exponent, SIZES[-1])
        above = bisect.bisect_left(SIZES, size)
        distances = {code: abs(size - SIZES[code]) for code in (max(above - 1, 0), above)}
        near = [code for code, far in distances.items() if far == min(distances.values())]
        code = next((one for one in near if one % 2 == 0), near[0])
        codes.append(code | (0x80 if math.copysign(1, value) < 0 else 0))
    return codes, exponent + 127


def blocks() -> list[list[float]]:
    source = random.Random(0)
    single = lambda value: torch.tensor(value, dtype=torch.float32).item()  # noqa: E731
    found = [[single(source.gauss(0, 1) * 2.0 ** source.randint(-9, 3)) for _ in range(BLOCK)] for _ in range(8)]
    found += [[single(source.gauss(0, 1) * scale) for _ in range(BLOCK)] for scale in (1e-38, 1e-44, 1e38, 1e-30)]
    found.append([0.0] * BLOCK)
    found.append([-0.0, 1.0, *[0.0] * (BLOCK - 2)])
    # Ties, the largest number that fits, and what is beyond it: 1.75 x 2^8 is the last, 1.9375 x 2^8 is cut off.
    found.append([448.0, 464.0, 496.0, 511.0, -480.0, 17.0, 18.0, 19.0, 1.0625, 1.1875, *[2.0**-k for k in range(22)]])
    found.append([float(torch.finfo(torch.float32).max), *[2.0 ** (100 + k % 27) for k in range(BLOCK - 1)]])
    return found


def test_numbers_and_scales_are_those_of_the_definition_to_the_bit():
    given = blocks()
    numbers, scales = quantize(torch.tensor(given).view(2, -1))
    codes = numbers.view(torch.uint8).view(-1, BLOCK).tolist()
    for block, found, scale in zip(given, codes, scales.view(torch.uint8).view(-1).tolist(), strict=True):
        assert (found, scale) == by_definition(block), block


def test_bfloat16_is_quantized_as_the_numbers_that_it_holds():
    x = torch.randn(4, 64, dtype=torch.bfloat16)
    for one, other in zip(quantize(x), quantize(x.float()), strict=True):
        assert torch.equal(one.view(torch.uint8), other.view(torch.uint8))


def test_what_was_quantized_is_near_what_was_given():
    """Half a unit of three bits behind the point; what is beyond the largest number is at most an eighth smaller."""
    x = torch.randn(7, 96, generator=torch.Generator().manual_seed(0))
    found = dequantize(*quantize(x))
    largest = x.view(7, 3, 32).abs().amax(-1, keepdim=True).expand(7, 3, 32).reshape(7, 96)
    assert ((found - x).abs() <= torch.maximum(x.abs() / 8, largest * 2.0**-17)).all()


@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_a_block_with_what_is_not_finite_is_undefined_and_no_other(bad):
    x = torch.ones(2, 64)
    x[1, 40] = bad
    found = dequantize(*quantize(x)).view(2, 2, 32)
    assert found[1, 1].isnan().all() and torch.equal(found[0], torch.ones(2, 32)) and found[1, 0].isfinite().all()


@pytest.mark.parametrize(("rows", "columns"), [(128, 4), (130, 5), (3, 1)])
def test_scales_lie_where_a_gpu_reads_them(rows, columns):
    """Of cuBLAS: that of row r and block c is at (r % 32) x 16 + (r % 128 // 32) x 4 + c % 4 of its tile, and tiles of
    a row lie one behind the other."""
    codes = torch.randint(1, 255, (rows, columns), dtype=torch.uint8)
    flat, wide = swizzled(codes.view(torch.float8_e8m0fnu)).view(torch.uint8), -(-columns // 4)
    for r in range(rows):
        for c in range(columns):
            tile = (r // 128) * wide + c // 4
            assert flat[tile * 512 + (r % 32) * 16 + (r % 128 // 32) * 4 + c % 4] == codes[r, c]
    assert len(flat) == -(-rows // 128) * wide * 512 and (flat == 0).sum() == len(flat) - rows * columns


def test_all_three_products_of_a_layer_have_the_layout_that_the_product_takes():
    """Of a GPU only: the shapes and strides are checked as torch checks them, without numbers."""
    weight = torch.empty(96, 64, device="meta", dtype=torch.bfloat16, requires_grad=True)
    x = torch.empty(160, 64, device="meta", dtype=torch.bfloat16, requires_grad=True)
    _Linear.apply(x, weight, RECIPES["mxfp8"], None).sum().backward()
    assert (x.grad.shape, weight.grad.shape) == (x.shape, weight.shape)
