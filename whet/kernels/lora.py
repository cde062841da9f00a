"""LoRA by hand: projections that share an input, and a gated MLP, with a backward pass that saves only what it needs.

y = x W' + s (x A') B', where W is frozen and may be quantized: it is unpacked for its product and dropped, in both
directions. The reference is the same formula through autograd, which keeps every intermediate.
"""

# T tokens  D inputs  O outputs  R rank  I inner width of an MLP

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from whet.kernels.dense import dense


@dataclass(frozen=True, slots=True)
class Projection:
    """A frozen linear layer (weight (O, D), bias (O,)) with its two trained matrices (R, D) and (O, R)."""

    weight_OD: Tensor
    bias_O: Tensor | None
    first_RD: Tensor
    second_OR: Tensor
    scale: float


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation and its backward (gradient, input) -> gradient."""

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor, Tensor], Tensor]


SILU = Activation(F.silu, torch.ops.aten.silu_backward)
GELU = Activation(F.gelu, torch.ops.aten.gelu_backward)
GELU_TANH = Activation(
    lambda x: F.gelu(x, approximate="tanh"), lambda grad, x: torch.ops.aten.gelu_backward(grad, x, approximate="tanh")
)


def project(x: Tensor, projections: Sequence[Projection]) -> tuple[Tensor, ...]:
    """The output of each projection of one input (..., D).

    Kept for backward: the input, and R numbers a token and projection. The trained matrices of all projections go
    through one product where they are multiplied with the input.
    """
    flat = [t for p in projections for t in (p.weight_OD, p.bias_O, p.first_RD, p.second_OR)]
    outputs = _Project.apply(x, tuple(p.scale for p in projections), _product_dtype(x), *flat)
    return tuple(_shaped(y_TO, x) for y_TO in outputs)


def gated_mlp(x: Tensor, gate: Projection, up: Projection, down: Projection, activation: Activation) -> Tensor:
    """down(activation(gate(x)) * up(x)).

    Kept for backward: the input, both inner projections (T, I), and 3 R numbers a token. Autograd would keep the
    activation and the product as well, which are computed again instead.
    """
    flat = [t for p in (gate, up, down) for t in (p.weight_OD, p.bias_O, p.first_RD, p.second_OR)]
    scales = (gate.scale, up.scale, down.scale)
    return _shaped(_GatedMLP.apply(x, scales, activation, _product_dtype(x), *flat), x)


def reference_project(x: Tensor, projections: Sequence[Projection]) -> tuple[Tensor, ...]:
    """What `project` is tested against."""
    return tuple(
        F.linear(x, dense(p.weight_OD), p.bias_O) + p.scale * F.linear(F.linear(x, p.first_RD), p.second_OR)
        for p in projections
    )


class _Project(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scales: Sequence[float], dtype: torch.dtype, *flat: Tensor) -> tuple[Tensor, ...]:
        x_TD = x.reshape(-1, x.shape[-1]).to(dtype)
        parts = _parts(flat, scales)
        outputs, inner_TR = _forward(x_TD, parts)
        ctx.save_for_backward(x_TD, inner_TR, *flat)
        ctx.scales, ctx.shape, ctx.like = scales, x.shape, x.dtype
        return tuple(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        x_TD, inner_TR, *flat = ctx.saved_tensors
        grad_TD, matrices = _backward(x_TD, inner_TR, grads, _parts(flat, ctx.scales), ctx.needs_input_grad[0])
        if grad_TD is not None:
            grad_TD = grad_TD.view(ctx.shape).to(ctx.like)
        return grad_TD, None, None, *matrices


class _GatedMLP(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scales: Sequence[float], activation: Activation, dtype: torch.dtype, *flat: Tensor
    ) -> Tensor:
        x_TD = x.reshape(-1, x.shape[-1]).to(dtype)
        gate, up, down = _parts(flat, scales)
        (gate_TI, up_TI), inner_TR = _forward(x_TD, (gate, up))
        hidden_TI = activation.forward(gate_TI).mul_(up_TI)
        (y_TO,), last_TR = _forward(hidden_TI, (down,))
        ctx.save_for_backward(x_TD, inner_TR, gate_TI, up_TI, last_TR, *flat)
        ctx.scales, ctx.activation, ctx.shape, ctx.like = scales, activation, x.shape, x.dtype
        return y_TO

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_TO: Tensor) -> tuple[Any, ...]:
        x_TD, inner_TR, gate_TI, up_TI, last_TR, *flat = ctx.saved_tensors
        gate, up, down = _parts(flat, ctx.scales)
        active_TI = ctx.activation.forward(gate_TI)
        hidden_TI = active_TI * up_TI
        grad_hidden_TI, of_down = _backward(hidden_TI, last_TR, (grad_TO,), (down,), True)
        assert grad_hidden_TI is not None
        del hidden_TI
        grad_up_TI = active_TI.mul_(grad_hidden_TI)
        grad_gate_TI = ctx.activation.backward(grad_hidden_TI.mul_(up_TI), gate_TI)
        del grad_hidden_TI
        grads = (grad_gate_TI, grad_up_TI)
        grad_TD, of_inner = _backward(x_TD, inner_TR, grads, (gate, up), ctx.needs_input_grad[0])
        if grad_TD is not None:
            grad_TD = grad_TD.view(ctx.shape).to(ctx.like)
        return grad_TD, None, None, None, *of_inner, *of_down


def _shaped(y_TO: Tensor, x: Tensor) -> Tensor:
    """The output in the shape of its input. Not inside the Function: models change outputs in place, which autograd
    allows of no view that a Function has made."""
    return y_TO.view(*x.shape[:-1], y_TO.shape[-1])


def _forward(x_TD: Tensor, parts: Sequence[Projection]) -> tuple[list[Tensor], Tensor]:
    """Outputs (T, O) of each part, and x A' (T, R) of all of them side by side."""
    dtype = x_TD.dtype
    inner_TR = x_TD @ _firsts(parts, dtype).T
    outputs, at = [], 0
    for part in parts:
        weight_OD, rank = dense(part.weight_OD, dtype), len(part.first_RD)
        y_TO = x_TD @ weight_OD.T if part.bias_O is None else torch.addmm(part.bias_O.to(dtype), x_TD, weight_OD.T)
        y_TO.addmm_(inner_TR[:, at : at + rank], part.second_OR.to(dtype).T, alpha=part.scale)
        outputs.append(y_TO)
        at += rank
    return outputs, inner_TR


def _backward(
    x_TD: Tensor, inner_TR: Tensor, grads: Sequence[Tensor], parts: Sequence[Projection], needs_input: bool
) -> tuple[Tensor | None, list[Tensor | None]]:
    """The gradient of the input (T, D), and for each part those of (weight, bias, first, second): none, none, two."""
    dtype, ranks = x_TD.dtype, [len(part.first_RD) for part in parts]
    grad_inner_TR = torch.empty_like(inner_TR)
    seconds, grad_TD, at = [], None, 0
    for part, grad_TO, rank in zip(parts, grads, ranks, strict=True):
        grad_TO, here = grad_TO.to(dtype), slice(at, at + rank)
        at += rank
        grad_inner_TR[:, here] = (grad_TO @ part.second_OR.to(dtype)).mul_(part.scale)
        seconds.append((grad_TO.T @ inner_TR[:, here]).mul_(part.scale).to(part.second_OR.dtype))
        if needs_input:
            weight_OD = dense(part.weight_OD, dtype)
            grad_TD = grad_TO @ weight_OD if grad_TD is None else grad_TD.addmm_(grad_TO, weight_OD)
    if grad_TD is not None:
        grad_TD.addmm_(grad_inner_TR, _firsts(parts, dtype))
    firsts = (grad_inner_TR.T @ x_TD).split(ranks)
    pairs = zip(parts, firsts, seconds, strict=True)
    return grad_TD, [g for p, first, second in pairs for g in (None, None, first.to(p.first_RD.dtype), second)]


def _firsts(parts: Sequence[Projection], dtype: torch.dtype) -> Tensor:
    stacked = parts[0].first_RD if len(parts) == 1 else torch.cat([part.first_RD for part in parts])
    return stacked.to(dtype)


def _parts(flat: Sequence[Tensor], scales: Sequence[float]) -> tuple[Projection, ...]:
    found = []
    for index, scale in enumerate(scales):
        weight_OD, bias_O, first_RD, second_OR = flat[4 * index : 4 * index + 4]
        found.append(Projection(weight_OD, bias_O, first_RD, second_OR, scale))
    return tuple(found)


def _product_dtype(x: Tensor) -> torch.dtype:
    """The dtype of matrix products of this input here: autocast's, else its own."""
    kind = x.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
