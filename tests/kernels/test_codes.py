import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from whet.kernels import grouped
from whet.kernels.codes import FLOAT8, Grid, fit, nearest, pack, unpack
from whet.kernels.quantized import Quantized

GRIDS = [Grid(4, 16), Grid(4, 16, symmetric=False), Grid(8, None), Grid(8, None, floats=True)]


def weights(rows=24, inputs=64, seed=0):
    return torch.randn(rows, inputs, generator=torch.Generator().manual_seed(seed)) * 0.05


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_every_weight_takes_the_nearest_point_of_its_grid(grid):
    weight = weights()
    codes = nearest(weight, grid)
    scale = codes.scale.repeat_interleave(grid.size(64), 1)
    zero = 0 if codes.zero is None else codes.zero.float().repeat_interleave(grid.size(64), 1)
    if grid.floats:
        points = torch.arange(256, dtype=torch.uint8).view(FLOAT8).float()
        points = points[~points.isnan()]
    else:
        points = torch.arange(grid.lowest, grid.highest + 1).float()
    reachable = (points[:, None, None] - zero) * scale
    best = (reachable - weight).abs().amin(0)
    assert torch.allclose((codes.dense() - weight).abs(), best, atol=1e-7)


@pytest.mark.parametrize("bits", [4, 8])
def test_weights_that_lie_on_a_grid_are_found_again(bits):
    once = nearest(weights(), Grid(bits, 16))
    again = nearest(once.dense(), Grid(bits, 16))
    assert torch.allclose(again.dense(), once.dense(), rtol=1e-6, atol=1e-9)


def test_four_bits_are_found_again_in_bfloat16():
    grid = Grid(4, 16, scale_dtype=torch.bfloat16)
    once = nearest(weights(), grid)
    assert torch.equal(nearest(once.dense(torch.bfloat16), grid).codes, once.codes)


def test_the_better_of_three_scales_is_taken():
    weight, grid = weights(), Grid(4, 16)
    scale, _ = fit(weight, grid)
    largest = weight.view(24, 4, 16).abs().amax(-1)
    error = (nearest(weight, grid).dense() - weight).square().view(24, 4, 16).sum(-1)
    for code in (7, 8, 7.5):
        other = (nearest(weight, grid, largest / code).dense() - weight).square().view(24, 4, 16).sum(-1)
        assert bool((error <= other + 1e-9).all())
    assert len({float(value) for value in (largest / scale).flatten().round(decimals=3)}) == 3


def test_a_group_of_zeros_stays_zeros():
    weight = weights()
    weight[0, :16] = 0
    for grid in GRIDS:
        found = nearest(weight, grid).dense()
        assert bool(found.isfinite().all()) and float(found[0, :16].abs().max()) == 0


@given(st.sampled_from([4, 8]), st.integers(1, 5), st.integers(1, 40), st.randoms(use_true_random=False))
def test_packed_codes_come_out_as_they_went_in(bits, rows, count, draws):
    codes = torch.tensor([[draws.randrange(1 << bits) for _ in range(count)] for _ in range(rows)])
    words = pack(codes, bits)
    assert words.shape == (rows, -(-count * bits // 32)) and words.dtype == torch.int32
    assert torch.equal(unpack(words, bits, count).long(), codes)
    first = int(words[0, 0]) & 0xFFFFFFFF
    per_word = 32 // bits
    assert first == sum(int(code) << bits * place for place, code in enumerate(codes[0, :per_word]))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_linear_layer_multiplies_with_packed_codes(grid):
    codes = nearest(weights(), grid)
    packed = Quantized("grouped", grouped.parts_of(codes, grid.bits), codes.codes.shape, torch.float32)
    x = torch.randn(3, 64, requires_grad=True)
    y = torch.nn.functional.linear(x, packed)
    assert torch.equal(y, x @ codes.dense().T) and packed.num_bytes <= 24 * 64 + 24 * 4 * 5
    y.sum().backward()
    assert torch.allclose(x.grad, codes.dense().sum(0).expand(3, -1), atol=1e-5)
