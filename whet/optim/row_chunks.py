"""Parameters cut into pieces of rows, so that a step's temporaries stay small and, on a CPU, inside the cache."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Shard

from whet.base.errors import ConfigError
from whet.optim.groups import NamedParameter

RESIDUAL = "residual"  # the state that holds what bfloat16 weights have lost (Kahan)

# Elements of one piece. A CPU gains from temporaries that its second-level cache holds; a GPU from few large launches.
PIECE = {"cpu": 1 << 18, "cuda": 1 << 25}


@dataclass(frozen=True, slots=True)
class Leaf:
    """What this rank holds of one parameter, as rows (R, numbers a row), and the direction or gradient for it.

    `kept` are the state tensors that are cut with it, as rows too. `start` is the global index of its first element.
    `rows` are further tensors (R, 1) that a rule prepared.
    """

    named: NamedParameter
    state: dict[str, Any]
    kept: Mapping[str, Tensor]
    weight: Tensor
    grad: Tensor
    start: int
    rows: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows `at` of a leaf."""

    leaf: Leaf
    at: slice

    @property
    def start(self) -> int:
        return self.leaf.start + self.at.start * self.leaf.weight.shape[1]


def leaf(named: NamedParameter, state: dict[str, Any], grad: Tensor, names: Collection[str] = ()) -> Leaf:
    """The local rows of a parameter. `grad` is its gradient, or a direction of the parameter's local shape.

    `names` are the moments whose stored tensors are cut along.
    """
    parameter = named.parameter
    per_row = parameter.numel() // max(1, parameter.shape[0]) if parameter.dim() else 1
    kept = {key: as_rows(local(value)) for key, value in state.items() if key.partition(".")[0] in names}
    start = first_row(parameter) * per_row
    return Leaf(named, state, kept, as_rows(local(parameter.detach())), as_rows(local(grad)), start)


def piece_limit(device: torch.device) -> int:
    """Elements of one piece on this kind of device."""
    return PIECE.get(device.type, PIECE["cuda"])


def buckets(leaves: Iterable[Leaf], device: torch.device) -> Iterator[list[Piece]]:
    """All rows of all leaves, in lists of pieces that together have at most `PIECE` elements (or are one row)."""
    limit = piece_limit(device)
    bucket: list[Piece] = []
    size = 0
    for member in leaves:
        rows, per_row = member.weight.shape
        step = max(1, limit // max(1, per_row))
        for first in range(0, rows, step):
            last = min(first + step, rows)
            if bucket and size + (last - first) * per_row > limit:
                yield bucket
                bucket, size = [], 0
            bucket.append(Piece(member, slice(first, last)))
            size += (last - first) * per_row
    if bucket:
        yield bucket


def local(tensor: Tensor) -> Tensor:
    """This rank's part of a sharded tensor, or the tensor itself."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def as_rows(tensor: Tensor) -> Tensor:
    """A view (rows, numbers a row); vectors have rows of one number."""
    rows = tensor.shape[0] if tensor.dim() else 1
    return tensor.view(rows, -1) if tensor.numel() else tensor.reshape(rows, 0)


def first_row(parameter: Tensor) -> int:
    """The global index of this rank's first row (FSDP2 cuts the first dimension as `torch.chunk` does)."""
    if not isinstance(parameter, DTensor):
        return 0
    size, rank = parameter.device_mesh.size(), parameter.device_mesh.get_local_rank()
    return min(parameter.shape[0], rank * -(-parameter.shape[0] // size))


def check_layout(named: NamedParameter) -> None:
    """Refuse weights that are neither whole nor cut by rows over one axis of ranks."""
    parameter = named.parameter
    if not parameter.is_contiguous():
        raise ConfigError(f"`{named.name}` is not contiguous in memory", hint="optimizer: adamw")
    if isinstance(parameter, DTensor) and (parameter.device_mesh.ndim != 1 or parameter.placements != (Shard(0),)):
        raise ConfigError(
            f"`{named.name}` is laid out as {parameter.placements}; this optimizer knows rows over one axis",
            hint="optimizer: adamw",
        )
