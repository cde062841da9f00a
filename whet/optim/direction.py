"""Where a whole rule sends a tensor: terms that are added to the weights as they lie, without a copy of the tensor.

A direction is a sum of terms. On the rank that holds the weights in the dtype of computation, each adds itself to them
(one product into the weights, one pass over them); where rows are sent to other ranks or rounded, `assembled` is the
sum as a tensor.
"""

# M rows  N columns  R rank

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from whet.kernels.wide import wide
from whet.optim.row_chunks import chunk_limit


class Term(Protocol):
    def add_to(self, target: Tensor, alpha: float) -> None:
        """target += alpha * term."""
        ...


Direction = Sequence[Term]


@dataclass(frozen=True, slots=True)
class Scaled:
    """`factor` x `value`. A factor that is a tensor is broadcast, and never leaves its device."""

    value: Tensor
    factor: float | Tensor = 1.0

    def add_to(self, target: Tensor, alpha: float) -> None:
        if isinstance(self.factor, Tensor):
            target.addcmul_(self.value, self.factor, value=alpha)
        else:
            target.add_(self.value, alpha=alpha * self.factor)


@dataclass(frozen=True, slots=True)
class Product:
    """`factor` x `left` (..., M, R) @ `right` (..., R, N), multiplied out in the target alone."""

    left: Tensor
    right: Tensor
    factor: float = 1.0

    def add_to(self, target: Tensor, alpha: float) -> None:
        product = torch.Tensor.addmm_ if target.dim() == 2 else torch.Tensor.baddbmm_
        product(target, self.left, self.right, alpha=alpha * self.factor)


@dataclass(frozen=True, slots=True)
class Outer:
    """`factor` x `value` x min(`row` x `column`, `largest`), made anew for each chunk of rows.

    value (..., M, N), row (..., M, 1), column (..., 1, N).
    """

    value: Tensor
    row: Tensor
    column: Tensor
    largest: float = math.inf
    factor: Tensor | float = 1.0

    def add_to(self, target: Tensor, alpha: float) -> None:
        for at, chunk in self._chunks():
            Scaled(chunk, self.factor).add_to(target[at], alpha)

    def square(self) -> Tensor:
        """The sum of squares, without the factor; one for all leading dimensions."""
        return torch.stack([torch.linalg.vector_norm(chunk).square() for _, chunk in self._chunks()]).sum()

    def times(self, factor: Tensor | float) -> Outer:
        return replace(self, factor=factor)

    def _chunks(self) -> Iterator[tuple[tuple[slice | int, ...], Tensor]]:
        for at in matrix_chunks(self.value):
            column = self.column[at[:-1]] if len(at) > 1 else self.column
            scale = self.row[at] * column
            if self.largest < math.inf:
                scale.clamp_max_(self.largest)
            yield at, scale.mul_(self.value[at])


def matrix_chunks(tensor: Tensor) -> Iterator[tuple[slice | int, ...]]:
    """Indices that cut (..., M, N) into chunks of rows of one matrix."""
    rows, columns = tensor.shape[-2:]
    step = max(1, chunk_limit(tensor.device) // max(1, columns))
    matrices: Iterator[tuple[int, ...]] = iter([()])
    if tensor.dim() > 2:
        matrices = ((i,) for i in range(tensor.shape[0]))
    for matrix in matrices:
        for first in range(0, rows, step):
            yield (*matrix, slice(first, min(first + step, rows)))


def mean_squares(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """The means of squares of each row (..., M, 1) and of each column (..., 1, N), in one pass over the tensor.

    Torch's norm over the rows of a matrix takes ten times as long on a CPU as squares that are summed.
    """
    rows, columns = tensor.shape[-2:]
    row = tensor.new_empty(*tensor.shape[:-1], 1)
    column = tensor.new_zeros(*tensor.shape[:-2], 1, columns)
    for at in matrix_chunks(tensor):
        squares = tensor[at].square()
        torch.sum(squares, -1, keepdim=True, out=row[at])
        column[at[:-1]].add_(squares.sum(-2, keepdim=True))
    return row.div_(columns), column.div_(rows)


def assembled(direction: Direction, parameter: Tensor) -> Tensor:
    """The sum of the terms as a whole tensor, in the dtype in which a step on `parameter` is computed."""
    if len(direction) == 1 and isinstance(first := direction[0], Scaled) and isinstance(first.factor, float):
        return first.value if first.factor == 1 else first.value * first.factor
    found = torch.zeros(parameter.shape, dtype=wide(parameter.dtype), device=parameter.device)
    for term in direction:
        term.add_to(found, 1.0)
    return found
