"""Parameters cut into chunks of rows, so that a step's temporaries stay small and, on a CPU, inside the cache."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from whet.base.at_once import at_once
from whet.base.errors import ConfigError
from whet.kernels.layout import Layout, local
from whet.optim.groups import NamedParameter

RESIDUAL = "residual"  # the state that holds what bfloat16 weights have lost (Kahan)


@dataclass(frozen=True, slots=True)
class RowShard:
    """What this rank holds of one parameter, as rows (R, numbers a row), and the direction or gradient for it.

    `kept` are the state tensors that are cut with it, as rows too. `layout` says where all of them lie: as the
    parameter does, or by rows. `row_numbers` are those of a whole row, and `columns` the places in it of a row's
    numbers here (None: all of them). `rows` are further tensors (R, 1) that a rule prepared.
    """

    named: NamedParameter
    layout: Layout
    state: dict[str, Any]
    kept: Mapping[str, Tensor]
    weight: Tensor
    grad: Tensor
    row_numbers: int
    columns: Tensor | None = None
    rows: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowChunk:
    """Rows `at` of a shard."""

    shard: RowShard
    at: slice

    @property
    def start(self) -> int | Tensor:
        """The global index of its first number, or, where it has no whole rows, that of each."""
        shard, first = self.shard, self.shard.layout.first_row + self.at.start
        if shard.columns is None:
            return first * shard.row_numbers
        rows = torch.arange(first, first + self.at.stop - self.at.start, device=shard.columns.device)
        return (rows.unsqueeze(1) * shard.row_numbers + shard.columns).reshape(-1)


def row_shard(
    named: NamedParameter, own: Layout, layout: Layout, state: dict[str, Any], grad: Tensor, names: Collection[str] = ()
) -> RowShard:
    """The local rows of a parameter that lies as `own` says, in the layout in which it is stepped: where that is
    another, a copy of its weights. `grad` is its gradient, or a direction of the parameter's local shape.

    `names` are the moments whose stored tensors are cut along, and which lie as they are stepped.
    """
    kept = {key: as_rows(local(value)) for key, value in state.items() if key.partition(".")[0] in names}
    weight = own.moved(local(named.parameter.detach()), layout)
    gradient = own.moved(local(grad), layout).contiguous()
    columns = layout.columns(weight.device)
    return RowShard(named, layout, state, kept, as_rows(weight), as_rows(gradient), layout.row_numbers, columns)


def chunk_limit(device: torch.device) -> int:
    """Elements of one chunk on this kind of device."""
    return at_once(device.type).row_numbers


def buckets(shards: Iterable[RowShard], device: torch.device) -> Iterator[list[RowChunk]]:
    """All rows of all shards, in lists of chunks that together have at most `chunk_limit` elements (or are one row)."""
    limit = chunk_limit(device)
    bucket: list[RowChunk] = []
    size = 0
    for shard in shards:
        rows, per_row = shard.weight.shape
        if not per_row:
            continue
        step = max(1, limit // max(1, per_row))
        for first in range(0, rows, step):
            last = min(first + step, rows)
            if bucket and size + (last - first) * per_row > limit:
                yield bucket
                bucket, size = [], 0
            bucket.append(RowChunk(shard, slice(first, last)))
            size += (last - first) * per_row
    if bucket:
        yield bucket


def as_rows(tensor: Tensor) -> Tensor:
    """A view (rows, numbers a row); vectors have rows of one number."""
    return tensor.view(tensor.shape[0] if tensor.dim() else 1, math.prod(tensor.shape[1:]))


def check_layout(named: NamedParameter, layout: Layout) -> None:
    """Refuse weights whose rows cannot be seen in place, and placements that no rule can step."""
    layout.check(named.name)
    if not local(named.parameter).is_contiguous():
        raise ConfigError(f"`{named.name}` is not contiguous in memory", hint="optimizer: adamw")
