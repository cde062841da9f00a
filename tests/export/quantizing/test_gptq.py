"""GPTQ beside a slow reference written from the paper: one weight matrix, the Hessian inverted anew for each input."""

import pytest
import torch

from whet.export.quantizing.gptq import gptq, output_error
from whet.kernels.codes import Grid, decoded, encoded, fit, nearest


def layer(inputs=48, rows=12, seed=0, tokens=400):
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, inputs, generator=draw).double() * 0.05
    mixed = torch.randn(inputs, inputs, generator=draw).double() * torch.logspace(-1, 0.5, inputs).double()
    x = torch.randn(tokens, inputs, generator=draw).double() @ mixed
    return weight, x.T @ x


def slow(weight, hessian, grid, order, damp):
    """Optimal brain quantization in a fixed order (equations 2 and 3), without blocks and without Cholesky factors."""
    inputs, size = weight.shape[1], grid.size(weight.shape[1])
    hessian = hessian + damp * hessian.diagonal().mean() * torch.eye(inputs).double()
    turn = list(range(inputs)) if order == "off" else hessian.diagonal().argsort(descending=True).tolist()
    whole, work, found, left = fit(weight, grid), weight.clone(), torch.zeros_like(weight), list(turn)
    scale = zero = None
    for place, column in enumerate(turn):
        if order == "static" or grid.group is None:
            group = column // size
            scale, zero = whole[0][:, group], None if whole[1] is None else whole[1][:, group]
        elif place % size == 0:
            members = turn[place : place + size]
            scale, zero = (None if one is None else one[:, 0] for one in fit(work[:, members], grid))
        found[:, column] = decoded(encoded(work[:, column], scale, zero, grid), scale, zero).double()
        inverse = torch.linalg.inv(hessian[left][:, left])
        at = left.index(column)
        error = (work[:, column] - found[:, column]) / inverse[at, at]
        work[:, left] -= error[:, None] * inverse[at]
        left.remove(column)
    return found


@pytest.mark.parametrize("order", ["off", "static", "group"])
@pytest.mark.parametrize("grid", [Grid(4, 16), Grid(4, 16, symmetric=False), Grid(4, None), Grid(8, 16)], ids=str)
def test_codes_are_those_of_the_slow_reference(grid, order):
    weight, hessian = layer()
    found = gptq(weight, hessian, grid, order=order, damp=0.02)
    assert torch.allclose(found.dense().double(), slow(weight, hessian, grid, order, 0.02), atol=1e-7)
    assert (found.group_of is not None) == (order == "group" and grid.group is not None)


@pytest.mark.parametrize("size, inputs", [(32, 160), (136, 272)])
def test_blocks_and_their_late_updates_change_nothing(size, inputs):
    weight, hessian = layer(inputs, 2, tokens=600)
    for order in ("off", "static") if size < 128 else ("off",):  # scales that are found on the way set the blocks
        found = gptq(weight, hessian, Grid(4, size), order=order, damp=0.01)
        assert torch.allclose(found.dense().double(), slow(weight, hessian, Grid(4, size), order, 0.01), atol=1e-7)


@pytest.mark.parametrize("grid", [Grid(4, 16), Grid(4, None), Grid(4, 16, symmetric=False), Grid(8, None)], ids=str)
def test_the_layers_output_is_nearer_than_with_rounding_to_nearest(grid):
    weight, hessian = layer(96, 32)
    plain = output_error(weight, nearest(weight, grid), hessian)
    by_order = {
        o: output_error(weight, gptq(weight, hessian, grid, order=o), hessian) for o in ("off", "static", "group")
    }
    assert max(by_order.values()) < plain
    assert by_order["static"] < 0.7 * plain and by_order["group"] < 0.7 * plain


def test_the_error_is_that_of_the_output():
    weight, _ = layer()
    x = torch.randn(100, 48, dtype=torch.float64)
    codes = nearest(weight, Grid(4, 16))
    expected = (x @ (weight - codes.dense().double()).T).square().sum()
    assert output_error(weight, codes, x.T @ x) == pytest.approx(float(expected))


def test_an_input_that_was_never_active_is_rounded_to_nearest_and_a_singular_hessian_is_damped_more():
    weight, hessian = layer(tokens=20)  # fewer tokens than inputs
    hessian[5] = hessian[:, 5] = 0
    grid = Grid(4, None)
    found = gptq(weight, hessian, grid, damp=1e-15)
    assert torch.equal(found.codes[:, 5], nearest(weight, grid).codes[:, 5])
    assert bool(found.dense().isfinite().all())


def test_activations_that_are_no_numbers_are_said():
    from whet.base.errors import ModelError

    weight, hessian = layer()
    with pytest.raises(ModelError, match="no numbers"):
        gptq(weight, hessian * float("nan"), Grid(4, 16))
