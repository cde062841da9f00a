"""Collectives with gradients, as the layers of a model need them: what is whole on every rank, and what is cut.

Each is the adjoint of another, so that the gradient of a sum over all ranks is exact. Without a gradient to come they
are the bare collective.
"""

# T tokens  t those of this rank  D model

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.autograd import Function

from whet.kernels.layout import gather_rows

# torch 2.13 warns of the name that 2.11 has alone.
_scatter_rows: Any = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor


def copied(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    """`x`, which is the same on all ranks, for ranks that go on with different parts: their gradients are added."""
    return _Copied.apply(x, group)


def reduced(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The sum of all ranks' `x`, for ranks that go on alike: the gradient of it is that of each summand."""
    return _Reduced.apply(x, group)


def gathered(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The parts of the last dimension, alike in size, side by side, for ranks that go on alike."""
    return _Gathered.apply(x, group)


def parted(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    """This rank's part of the last dimension of what is the same on all ranks."""
    return _Parted.apply(x, group)


def summed(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    """The sum of all ranks' `x`, for ranks whose losses are added: so are the gradients."""
    return _Summed.apply(x, group)


def joined(x: Tensor, sizes: Sequence[int], group: dist.ProcessGroup) -> Tensor:
    """Rows (T, ...) of all ranks, of which each has so many (t, ...), for ranks whose losses are added."""
    return _Joined.apply(x, tuple(sizes), group)


def spread(x_TD: Tensor, group: dist.ProcessGroup) -> Tensor:
    """This rank's tokens (..., t, D) of what is the same on all ranks. All have equally many: the last ones' end in
    zeros where the tokens do not divide."""
    return _Spread.apply(x_TD, group)


def collected(x_tD: Tensor, tokens: int, group: dist.ProcessGroup) -> Tensor:
    """So many tokens (..., T, D) of all ranks, each of which has some, for ranks that go on alike."""
    return _Collected.apply(x_tD, tokens, group)


def collected_apart(x_tD: Tensor, tokens: int, group: dist.ProcessGroup) -> Tensor:
    """The same for ranks that go on with different parts of what reads them: their gradients are added."""
    return _CollectedApart.apply(x_tD, tokens, group)


def spread_sum(x_TD: Tensor, group: dist.ProcessGroup) -> Tensor:
    """This rank's tokens (..., t, D) of the sum of all ranks' `x`."""
    return _SpreadSum.apply(x_TD, group)


def exchanged(parts: Sequence[Tensor], shapes: Sequence[Sequence[int]], group: dist.ProcessGroup) -> tuple[Tensor, ...]:
    """What every rank has for this one, of these shapes; `parts` are what this one has for each of them."""
    return _Exchanged.apply(tuple(map(tuple, shapes)), group, *parts)


def _sum(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    total = x.contiguous().clone()
    dist.all_reduce(total, group=group)
    return total


def _slice(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    return x.chunk(group.size(), -1)[group.rank()].contiguous()


def _side_by_side(x: Tensor, group: dist.ProcessGroup) -> Tensor:
    found = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(group.size())]
    dist.all_gather(found, x.contiguous(), group=group)
    return torch.cat(found, -1)


def _rows(x_TD: Tensor, group: dist.ProcessGroup) -> Tensor:
    """Tokens first, and zeros behind them until the ranks divide them."""
    rows, ranks = x_TD.movedim(-2, 0), group.size()
    missing = -len(rows) % ranks
    return torch.cat([rows, rows.new_zeros(missing, *rows.shape[1:])]) if missing else rows.contiguous()


def _own_rows(x_TD: Tensor, group: dist.ProcessGroup) -> Tensor:
    return _rows(x_TD, group).chunk(group.size())[group.rank()].movedim(0, -2).contiguous()


def _all_rows(x_tD: Tensor, tokens: int, group: dist.ProcessGroup) -> Tensor:
    own = x_tD.movedim(-2, 0).contiguous()
    found = own.new_empty(len(own) * group.size(), *own.shape[1:])
    gather_rows(found, own, group=group)
    return found[:tokens].movedim(0, -2).contiguous()


def _sum_of_rows(x_TD: Tensor, group: dist.ProcessGroup) -> Tensor:
    rows = _rows(x_TD, group)
    found = rows.new_empty(len(rows) // group.size(), *rows.shape[1:])
    _scatter_rows(found, rows, group=group)
    return found.movedim(0, -2).contiguous()


def _swap(parts: Sequence[Tensor], shapes: Sequence[Sequence[int]], group: dist.ProcessGroup) -> tuple[Tensor, ...]:
    counts, own = [math.prod(shape) for shape in shapes], [part.numel() for part in parts]
    sent, received = torch.cat([part.reshape(-1) for part in parts]), parts[0].new_empty(sum(counts))
    dist.all_to_all_single(received, sent, counts, own, group=group)
    return tuple(flat.view(shape) for flat, shape in zip(received.split(counts), shapes, strict=True))


class _Copied(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _sum(grad, ctx.group), None


class _Reduced(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        return _sum(x, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return grad, None


class _Gathered(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return _side_by_side(x, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _slice(grad, ctx.group), None


class _Parted(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return _slice(x, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _side_by_side(grad, ctx.group), None


class _Summed(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        return _sum(x, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _sum(grad, ctx.group), None


class _Joined(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: tuple[int, ...], group: Any) -> Tensor:
        ctx.sizes, ctx.group = sizes, group
        padded = x.new_zeros(max(sizes), *x.shape[1:])
        padded[: len(x)] = x
        found = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(found, padded, group=group)
        return torch.cat([part[:size] for part, size in zip(found, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _sum(grad, ctx.group).split(ctx.sizes)[ctx.group.rank()], None, None


class _Spread(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.tokens, ctx.group = x.shape[-2], group
        return _own_rows(x, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _all_rows(grad, ctx.tokens, ctx.group), None


class _Collected(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, tokens: int, group: Any) -> Tensor:
        ctx.group = group
        return _all_rows(x, tokens, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _own_rows(grad, ctx.group), None, None


class _CollectedApart(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, tokens: int, group: Any) -> Tensor:
        ctx.group = group
        return _all_rows(x, tokens, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _sum_of_rows(grad, ctx.group), None, None


class _SpreadSum(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.tokens, ctx.group = x.shape[-2], group
        return _sum_of_rows(x, group)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _all_rows(grad, ctx.tokens, ctx.group), None


class _Exchanged(Function):
    @staticmethod
    def forward(ctx: Any, shapes: Any, group: Any, *parts: Tensor) -> tuple[Tensor, ...]:
        ctx.shapes, ctx.group = tuple(part.shape for part in parts), group
        return _swap(parts, shapes, group)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return None, None, *_swap(grads, ctx.shapes, ctx.group)
