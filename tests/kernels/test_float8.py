"""Products in 8 bits: each is the product of the rounded factors, which other arithmetic rounds alike."""

from __future__ import annotations

import pytest
import torch

from whet.base.errors import RunError
from whet.kernels.float8 import E4M3, E5M2, RECIPES, check_device, linear, rounded, scale_of

CODES = torch.arange(256, dtype=torch.uint8)
ON_CPU = {name: one for name, one in RECIPES.items() if one.on_cpu}


def nearest(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The nearest number of the format, found among all of them in float64; of two the one with an even code."""
    table = CODES.view(dtype).double()
    keep = table.isfinite()
    table, codes = table[keep], CODES[keep]
    far = (values.double()[..., None] - table).abs()
    ties = far == far.amin(-1, keepdim=True)
    even = ties & (codes % 2 == 0)
    choice = torch.where(even.any(-1, keepdim=True), even, ties)
    return table[choice.int().argmax(-1)]


def power(largest: float, dtype: torch.dtype) -> float:
    """The largest power of two that brings a number into the format, by trying."""
    top, found = torch.finfo(dtype).max, 2.0**-126
    while found * 2 * largest <= top and found < 2.0**126:
        found *= 2
    return found


def factor(x: torch.Tensor, dtype: torch.dtype, over: int | None) -> torch.Tensor:
    """x as it is multiplied: rounded in float64 with one scale, or one for each run along `over`."""
    sizes = x.abs().amax() if over is None else x.abs().amax(over, keepdim=True)
    scales = torch.tensor([power(size, dtype) for size in sizes.view(-1).tolist()], dtype=torch.float64)
    scales = scales.view(sizes.shape)
    return nearest(x.double() * scales, dtype) / scales


@pytest.mark.parametrize("dtype", [E4M3, E5M2])
def test_scales_are_the_largest_powers_of_two_that_fit(dtype):
    sizes = torch.tensor([448.0, 449.0, 1e-3, 3e4, 1.75, 1.76, 57344.0, 57345.0, 1e-30, 2.0**-140])
    found = scale_of(sizes, dtype)
    assert found.tolist() == [power(size, dtype) for size in sizes.tolist()]
    assert scale_of(torch.tensor([0.0, float("inf"), float("nan")]), dtype).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(("dtype", "given"), [(E4M3, torch.bfloat16), (E5M2, torch.float16), (E4M3, torch.float32)])
def test_numbers_are_rounded_to_the_nearest(dtype, given):
    x = (torch.randn(300, generator=torch.Generator().manual_seed(0)) * 37).to(given)
    x[:4] = torch.tensor([0.0, -0.0, 1e-4, -90.0])
    numbers, scale = rounded(x, x.abs().amax().float(), dtype)
    assert torch.equal(numbers.double() * scale.double(), factor(x, dtype, None))


@pytest.mark.parametrize("name", ON_CPU)
@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_what_is_not_finite_stays_so(name, bad):
    """torch (2.13) rounds what is infinite to the largest number: a loss would not be seen to have overflown."""
    x, weight = torch.ones(3, 32), torch.ones(16, 32)
    x[1, 5] = bad
    y = linear(x, weight, RECIPES[name])
    assert y[1].isnan().all() and (name == "tensorwise" or y[0].isfinite().all())


@pytest.mark.parametrize("name", ON_CPU)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_forward_and_gradients_are_products_of_the_rounded_factors(name, dtype):
    """In float64 with factors rounded by another way. A sum of n products in float32 is off by at most n eps of the sum
    of sizes; bfloat16 rounds the result once more."""
    recipe, draw = RECIPES[name], torch.Generator().manual_seed(1)
    x = (torch.randn(21, 48, generator=draw) * torch.logspace(-2, 1, 21)[:, None]).to(dtype).requires_grad_()
    weight = torch.randn(32, 48, generator=draw).requires_grad_()
    grad = (torch.randn(21, 32, generator=draw) * torch.logspace(0, -3, 21)[:, None]).to(dtype)
    y = linear(x, weight, recipe)
    y.backward(grad)
    rows, last = recipe.by_rows, (lambda over: over) if recipe.by_rows else (lambda over: None)
    of = recipe.gradient
    products = {
        "y": (y, factor(x.detach(), E4M3, last(1)), factor(weight.detach(), E4M3, last(1)).t()),
        "x": (x.grad, factor(grad, of, last(1)), factor(weight.detach(), E4M3, last(0))),
        "weight": (weight.grad, factor(grad, of, last(0)).t(), factor(x.detach(), E4M3, last(0))),
    }
    assert rows == (name == "rowwise")
    for which, (found, left, right) in products.items():
        bound = left.abs() @ right.abs() * (left.shape[1] + 1) * torch.finfo(torch.float32).eps
        expected = left @ right
        if found.dtype == torch.bfloat16:
            bound = bound + expected.abs() * torch.finfo(torch.bfloat16).eps
        assert ((found.double() - expected).abs() <= bound).all(), which
        assert found.dtype == (weight.dtype if which == "weight" else dtype)


@pytest.mark.parametrize("name", ON_CPU)
def test_a_frozen_weight_keeps_nothing_of_the_inputs(name):
    kept = []
    x = torch.randn(64, 32, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one.shape) or one, lambda one: one):
        linear(x, torch.randn(16, 32), RECIPES[name]).sum().backward()
    assert kept == [(16, 32)]


def test_a_tensorwise_layer_keeps_its_inputs_in_eight_bits():
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda one: kept.append(one) or one, lambda one: one):
        linear(torch.randn(64, 32), torch.randn(16, 32, requires_grad=True), RECIPES["tensorwise"]).sum().backward()
    assert [one.dtype for one in kept if one.shape == (64, 32)] == [E4M3]


@pytest.mark.parametrize("name", ON_CPU)
def test_samples_are_rounded_alike_whatever_lies_beside_them(name):
    """With scales that are powers of two, numbers far above the format's smallest are rounded as if they were alone."""
    draw = torch.Generator().manual_seed(2)
    weight, x = torch.randn(16, 32, generator=draw), torch.randn(8, 32, generator=draw)
    x = x.sign() * x.abs().clamp(min=0.1)
    alone, beside = linear(x, weight, RECIPES[name]), linear(torch.cat([x, 7 * x]), weight, RECIPES[name])[:8]
    torch.testing.assert_close(alone, beside, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ON_CPU)
def test_no_tokens_and_autocast(name):
    weight = torch.randn(16, 32, requires_grad=True)
    empty = torch.randn(0, 32, requires_grad=True)
    linear(empty, weight, RECIPES[name]).sum().backward()
    assert empty.grad.shape == (0, 32) and not weight.grad.any()
    with torch.autocast("cpu", torch.bfloat16):
        x = torch.randn(2, 3, 32, requires_grad=True)
        y = linear(x, weight, RECIPES[name])
    y.float().sum().backward()
    assert (y.dtype, y.shape, x.grad.dtype, weight.grad.dtype) == (torch.bfloat16, (2, 3, 16), *[torch.float32] * 2)


def test_a_device_without_the_product_is_refused():
    check_device("rowwise", torch.device("cpu"))
    with pytest.raises(RunError, match="no product of `cpu` devices") as told:
        check_device("mxfp8", torch.device("cpu"))
    assert told.value.hint == "train.fp8=tensorwise or rowwise"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", RECIPES)
def test_a_gpu_multiplies_as_the_dequantised_factors_do(name):
    device = torch.device("cuda", 0)
    if torch.cuda.get_device_capability(device) < RECIPES[name].capability:
        with pytest.raises(RunError, match="compute capability"):
            check_device(name, device)
        return
    x = torch.randn(129, 256, device=device, dtype=torch.bfloat16, requires_grad=True)
    weight = torch.randn(512, 256, device=device, requires_grad=True)
    grad = torch.randn(129, 512, device=device, dtype=torch.bfloat16)
    y = linear(x, weight, RECIPES[name])
    y.backward(grad)
    plain = x.detach().double(), weight.detach().double(), grad.double()
    for found, exact in (
        (y, plain[0] @ plain[1].t()), (x.grad, plain[2] @ plain[1]), (weight.grad, plain[2].t() @ plain[0])
    ):  # fmt: skip
        assert (found.double() - exact).norm() < 0.08 * exact.norm()
