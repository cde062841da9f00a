"""LoRA by hand against autograd over the same formula."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from whet.kernels.dense import dense
from whet.kernels.lora import (
    GELU,
    GELU_TANH,
    SILU,
    Projection,
    gated_mlp,
    project,
    reference_project,
)
from whet.kernels.quantized import Quantized


def projection(inputs, outputs, rank, seed, dtype=torch.float64, bias=False, codec=None):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) / shape[-1] ** 0.5

    weight = draw(outputs, inputs)
    return Projection(
        Quantized.of(weight.float(), codec) if codec else weight,
        draw(outputs) if bias else None,
        draw(rank, inputs).requires_grad_(),
        draw(outputs, rank).requires_grad_(),
        0.7,
    )


def gradients(outputs: tuple[Tensor, ...], x: Tensor, parts) -> list[Tensor]:
    generator = torch.Generator().manual_seed(9)
    loss = sum((y * torch.randn(y.shape, generator=generator, dtype=torch.float64).to(y.dtype)).sum() for y in outputs)
    return list(torch.autograd.grad(loss, [x, *(t for p in parts for t in (p.first_RD, p.second_OR))]))


def close(ours, theirs, tolerance=1e-12):
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype
        assert (one - other).norm() <= tolerance * other.norm()


@pytest.mark.parametrize("bias", [False, True])
def test_projections_of_one_input_and_their_gradients_are_autograds(bias):
    parts = [
        projection(10, width, rank, seed, bias=bias) for seed, (width, rank) in enumerate([(12, 3), (6, 2), (6, 4)])
    ]
    x = torch.randn(2, 7, 10, generator=torch.Generator().manual_seed(5), dtype=torch.float64, requires_grad=True)
    ours, theirs = project(x, parts), reference_project(x, parts)
    close(ours, theirs)
    close(gradients(ours, x, parts), gradients(theirs, x, parts))


def reference_mlp(x, gate, up, down, activation):
    (e,), (g,) = reference_project(x, [gate]), reference_project(x, [up])
    return reference_project(activation.forward(e) * g, [down])[0]


@pytest.mark.parametrize("activation", [SILU, GELU, GELU_TANH], ids=["silu", "gelu", "gelu-tanh"])
def test_a_gated_mlp_and_its_gradients_are_autograds(activation):
    parts = [projection(10, 14, 3, 0), projection(10, 14, 3, 1), projection(14, 10, 2, 2, bias=True)]
    x = torch.randn(5, 10, generator=torch.Generator().manual_seed(5), dtype=torch.float64, requires_grad=True)
    ours, theirs = gated_mlp(x, *parts, activation), reference_mlp(x, *parts, activation)
    close([ours], [theirs])
    close(gradients((ours,), x, parts), gradients((theirs,), x, parts))


def test_an_input_without_gradient_gets_none_and_the_matrices_get_theirs():
    part = projection(10, 6, 2, 0)
    x = torch.randn(4, 10, dtype=torch.float64)
    project(x, [part])[0].sum().backward()
    assert x.grad is None
    assert part.first_RD.grad is not None and part.second_OR.grad is not None


@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_a_quantized_weight_gives_what_its_plain_values_give(codec):
    part = projection(64, 128, 2, 0, dtype=torch.float32, codec=codec)
    plain = Projection(dense(part.weight_OD), None, part.first_RD, part.second_OR, part.scale)
    x = torch.randn(5, 64, generator=torch.Generator().manual_seed(5), requires_grad=True)
    close(project(x, [part]), reference_project(x, [plain]), 1e-6)
    close(gradients(project(x, [part]), x, [part]), gradients(reference_project(x, [plain]), x, [plain]), 1e-5)


def test_backward_keeps_the_input_and_two_inner_widths_and_nothing_larger():
    parts = [projection(16, 48, 2, 0), projection(16, 48, 2, 1), projection(48, 16, 2, 2)]
    x = torch.randn(8, 16, dtype=torch.float64, requires_grad=True)

    def kept(run):
        shapes = {}
        hooks = torch.autograd.graph.saved_tensors_hooks(
            lambda t: shapes.setdefault(t.data_ptr(), t) is None or t, lambda t: t
        )
        with hooks:
            run()
        return sum(t.numel() for t in shapes.values() if t.shape[0] == 8)

    def formula():
        return reference_mlp(x, *parts, SILU)

    ours = kept(lambda: gated_mlp(x, *parts, SILU))
    assert ours == 8 * (16 + 2 * 48 + 3 * 2)
    assert kept(formula) >= 8 * (16 + 4 * 48)


def test_under_autocast_the_products_are_bfloat16_and_the_gradients_keep_their_dtype():
    part = projection(64, 32, 4, 0, dtype=torch.float32)
    x = torch.randn(16, 64, generator=torch.Generator().manual_seed(5), requires_grad=True)
    exact = reference_project(x, [part])[0]
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = project(x, [part])[0], reference_project(x, [part])[0]
    assert ours.dtype == torch.bfloat16
    assert (ours.float() - exact).norm() <= 2 * (theirs.float() - exact).norm()
    found = gradients((ours.float(),), x, [part])
    assert {g.dtype for g in found} == {torch.float32}
    close(found, gradients((exact,), x, [part]), 0.02)


@pytest.mark.case("G5")
def test_what_is_returned_may_be_changed_in_place():
    """As models do (gemma3n, roc_bert): with the gradients of the same steps out of place."""
    parts = [projection(6, 8, 2, seed) for seed in range(3)]
    down = projection(8, 6, 2, 4)
    x = torch.randn(2, 3, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    inputs = [p for part in (*parts, down) for p in (part.first_RD, part.second_OR)]

    def twice(y, in_place):
        return y.mul_(2).add_(1) if in_place else y * 2 + 1

    def found(in_place):
        y = [twice(one, in_place) for one in project(x, parts)]
        y.append(twice(gated_mlp(x, *parts[:2], down, SILU), in_place))
        packed = projection(6, 8, 2, 7, torch.float32, codec="nf4")
        y.append(twice(project(x.float(), [packed])[0], in_place).double())
        return torch.autograd.grad(sum((one**2).sum() for one in y), inputs)

    for ours, theirs in zip(found(True), found(False), strict=True):
        torch.testing.assert_close(ours, theirs)
