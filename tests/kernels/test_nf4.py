"""NF4 against bitsandbytes: its bytes kept beside the test, and the package itself where it is installed."""

import json

import pytest
import torch

from tests.kernels.nf4_golden import PATH, matrix
from whet.kernels import nf4

GOLDEN = json.loads(PATH.read_text())
DTYPES = (torch.float32, torch.bfloat16, torch.float16)


def floats(values):
    return torch.tensor([float.fromhex(value) for value in values])


def test_a_matrix_gets_the_bytes_of_bitsandbytes():
    parts = nf4.quantize(matrix())
    assert bytes(parts["packed"].tolist()).hex() == GOLDEN["packed"]
    assert bytes(parts["absmax"].tolist()).hex() == GOLDEN["absmax"]
    assert torch.equal(parts["outer_absmax"], floats(GOLDEN["outer_absmax"]))
    assert parts["offset"].item() == float.fromhex(GOLDEN["offset"])


def test_the_bytes_of_bitsandbytes_give_its_values():
    as_bytes = {
        name: torch.tensor(list(bytes.fromhex(GOLDEN[name])), dtype=torch.uint8) for name in ("packed", "absmax")
    }
    outer, offset = floats(GOLDEN["outer_absmax"]), floats([GOLDEN["offset"]])[0]
    values = nf4.dequantize({**as_bytes, "outer_absmax": outer, "offset": offset}, matrix().shape, torch.float32)
    assert torch.equal(values[0], floats(GOLDEN["first_row"]))


def test_every_weight_takes_the_nearest_level_of_its_block():
    weight = torch.randn(8, 128, generator=torch.Generator().manual_seed(0))
    values = nf4.dequantize(nf4.quantize(weight, double=False), weight.shape, torch.float32)
    blocks = weight.view(-1, 64)
    levels = torch.tensor(nf4.LEVELS) * blocks.abs().amax(1)[:, None, None]
    nearest = (blocks[..., None] - levels).abs().amin(-1)
    torch.testing.assert_close((values.view(-1, 64) - blocks).abs(), nearest, rtol=0, atol=1e-6)


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("shape", [(4, 64), (3, 50), (5, 13), (1,), (700, 64), (2, 3, 64)])
def test_any_shape_comes_back_with_the_error_of_the_levels(shape, double):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    parts = nf4.quantize(weight, double=double)
    values = nf4.dequantize(parts, weight.shape, torch.float32)
    # The widest gap of the levels is 0.304 of the magnitude; a magnitude itself is off by 1.8 % at most, of the widest.
    assert values.shape == weight.shape
    assert (values - weight).abs().max() <= (0.304 / 2 + 0.018) * weight.abs().max()
    assert parts["packed"].numel() == -(-weight.numel() // 2)


def test_double_quantisation_takes_4_127_bits_a_weight():
    parts = nf4.quantize(torch.ones(512, 512))
    bits = 8 * sum(part.numel() * part.element_size() for part in parts.values())
    assert bits / 512**2 == pytest.approx(4 + 8 / 64 + 32 / (64 * 256), abs=2e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(256, 64), (300, 128), (7, 33)])
def test_bitsandbytes_itself_gives_the_same_bits(dtype, shape):
    oracle = pytest.importorskip("bitsandbytes.functional", reason="bitsandbytes is not installed")
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(2)).to(dtype)
    weight[0] = 0
    packed, state = oracle.quantize_4bit(weight, blocksize=64, quant_type="nf4")
    parts = nf4.quantize(weight, double=False)
    assert torch.equal(parts["packed"], packed.flatten()) and torch.equal(parts["absmax"], state.absmax)
    values = nf4.dequantize(parts, weight.shape, dtype)
    assert torch.equal(values, oracle.dequantize_4bit(packed, state).view(shape))


def test_magnitudes_are_coded_as_by_the_reference_kernel_of_bitsandbytes():
    """Its CPU library looks magnitudes up in a coarser table, and takes the neighbouring level once in a thousand."""
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    from bitsandbytes.functional import create_dynamic_map

    levels = create_dynamic_map()
    assert torch.equal(nf4.dynamic_levels(torch.device("cpu")), levels)
    weight = torch.randn(1024, 64, generator=torch.Generator().manual_seed(3))
    plain, parts = nf4.quantize(weight, double=False), nf4.quantize(weight)
    operation, key = torch.ops.bitsandbytes.quantize_blockwise.default, torch._C.DispatchKey.CompositeExplicitAutograd
    codes, outer = operation._op_dk(key, plain["absmax"] - plain["absmax"].mean(), levels, 256)
    assert torch.equal(parts["absmax"], codes) and torch.equal(parts["outer_absmax"], outer)
