import pytest
import torch

from tests.export.quantizing.walking import walked
from whet.export.quantizing.awq import best_scale, clipped, fold_scales
from whet.export.quantizing.gptq import output_error
from whet.export.quantizing.walk import Shared, observe_block, run_block
from whet.kernels.codes import Grid, nearest

GRID = Grid(4, 16, symmetric=False)


def uneven(inputs=64, tokens=500):
    """Few inputs that carry most, as in trained models."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(tokens, inputs, generator=draw)
    x[:, ::9] *= 20
    weight = torch.randn(32, inputs, generator=draw) * 0.05
    return weight, Shared(["layer"], x.T @ x, x.abs().sum(0), tokens)


def test_scaled_rounding_leaves_less_error_in_the_output_than_plain_rounding():
    weight, shared = uneven()
    scale = best_scale([weight], shared, GRID)
    gap = weight - nearest(weight * scale, GRID).dense() / scale
    scaled = float(((gap @ shared.hessian) * gap).sum())
    assert scaled < 0.8 * output_error(weight, nearest(weight, GRID), shared.hessian)


def test_even_activations_are_not_scaled_for_the_worse():
    weight, _ = uneven()
    x = torch.randn(500, 64, generator=torch.Generator().manual_seed(3))
    shared = Shared(["layer"], x.T @ x, x.abs().sum(0), 500)
    scale = best_scale([weight], shared, GRID)
    gap = weight - nearest(weight * scale, GRID).dense() / scale
    plain = output_error(weight, nearest(weight, GRID), shared.hessian)
    assert float(((gap @ shared.hessian) * gap).sum()) <= plain * (1 + 1e-6)


@pytest.mark.parametrize("grid", [GRID, Grid(4, 16)], ids=["asymmetric", "symmetric"])
def test_narrower_grids_leave_less_error_and_never_more(grid):
    weight, shared = uneven()
    weight[:, 5] *= 4  # outliers at inputs that carry little
    plain = output_error(weight, nearest(weight, grid), shared.hessian)
    assert output_error(weight, clipped(weight, shared.hessian, grid), shared.hessian) < plain


@pytest.mark.parametrize("kind, folded", [("llama", 3), ("qwen3", 3), ("gemma2", 3), ("opt", 4)])
def test_a_folded_block_computes_what_it_did(kind, folded):
    """Norms that multiply by their weight and by one more than it, layers with biases, gates, values of all heads.

    OPT's ReLU passes a positive factor on, so that the input of its fc2 is folded into fc1.
    """
    inputs, walk = walked(kind)
    _, block = next(iter(walk.visit(inputs)))
    names = [name for name, part in block.named_modules() if isinstance(part, torch.nn.Linear)]
    shared, _ = observe_block(block, inputs, 0, names)
    for one in shared:  # some inputs carry most, so that scaling pays
        one.magnitude[::3] *= 30
        one.hessian[::3] *= 30
        one.hessian[:, ::3] *= 30
    before, old = run_block(block, inputs[0], 0), {name: block.get_submodule(name).weight.clone() for name in names}
    assert fold_scales(block, shared, Grid(4, 8), lambda: run_block(block, inputs[0], 0)) == folded
    after = run_block(block, inputs[0], 0)
    assert torch.allclose(after, before, rtol=1e-4, atol=1e-5 * float(before.abs().max()))
    assert sum(not torch.equal(old[name], block.get_submodule(name).weight) for name in names) >= folded
