"""int8 rows: rounding to the nearest of 255 steps, and equality with bitsandbytes where it is installed."""

import pytest
import torch

from whet.kernels import int8


def weight():
    values = torch.randn(50, 33, generator=torch.Generator().manual_seed(0))
    values[3] = 0
    return values


def test_every_weight_is_within_half_a_step_of_its_row():
    values = int8.dequantize(int8.quantize(weight()), weight().shape, torch.float32)
    step = weight().abs().amax(1, keepdim=True) / 127
    assert ((values - weight()).abs() <= step * 0.5001).all()
    assert not values[3].any()


def test_a_row_that_is_on_the_steps_comes_back_exactly():
    row = torch.arange(-127, 128).float()[None] * 0.5
    assert torch.equal(int8.dequantize(int8.quantize(row), row.shape, torch.float32), row)


def test_bitsandbytes_gives_the_same_bits():
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    from bitsandbytes.functional import int8_vectorwise_dequant

    values = weight()[:3]
    codes, absmax, _ = torch.ops.bitsandbytes.int8_vectorwise_quant.default(values.clone(), 0.0)
    parts = int8.quantize(values)
    assert torch.equal(parts["codes"], codes) and torch.equal(parts["absmax"], absmax)
    assert torch.equal(int8.dequantize(parts, values.shape, torch.float32), int8_vectorwise_dequant(codes, absmax))
