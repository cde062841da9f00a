"""Bytes of optimizer state that each kind declares, by shape and role, without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from whet.base.slots import Kind

Shape = Sequence[int]
MATRIX_ROLES = ("matrix", "expert")
EXAMPLE = (4096, 11008)
SMALLEST = 4096  # numbers; smaller tensors keep 32 bits, as in bitsandbytes
BLOCK, LARGEST_BLOCK, SMALLEST_BLOCK = 256, 512, 32


class Stored(NamedTuple):
    """How a state tensor is stored: the format, and numbers a scale in 8 bits."""

    format: str
    block: int = 0

    def bytes_of(self, numel: int) -> float:
        if self.format == "8bit" and self.block:
            return numel * (1 + 4 / self.block)
        return numel * (2 if self.format == "bf16" else 4)


class Trained(NamedTuple):
    """What the cost of a parameter depends on. `head_rows` are those of one head of a query or key projection."""

    shape: Shape
    role: str = "matrix"
    head_rows: int = 1


@dataclass(frozen=True)
class StateBytes:
    """Declares `of(trained, settings) -> bytes` for one parameter. Settings that are missing have their defaults."""

    of: Callable[[Trained, Mapping[str, Any]], float]


def block_of(shape: Shape) -> int:
    """Numbers that share a scale in 8 bits, 0 where 8 bits do not pay.

    The divisor of a row that is least above 255, up to 512, so that scales take no more bytes than bitsandbytes' at
    blocks of 256; where there is none the largest below.
    """
    row = math.prod(shape[1:])
    return _divisor(row) if math.prod(shape) >= SMALLEST and len(shape) > 1 else 0


@cache
def _divisor(row: int) -> int:
    sizes = [*range(BLOCK, LARGEST_BLOCK + 1), *range(BLOCK - 1, SMALLEST_BLOCK - 1, -1)]
    return next((size for size in sizes if row % size == 0), 0)


def moments(count: int) -> StateBytes:
    """`count` numbers a weight, in the format that the setting `state` names."""
    return StateBytes(lambda trained, settings: count * moment(trained.shape, settings))


def moment(shape: Shape, settings: Mapping[str, Any]) -> float:
    """One number for each element of `shape`, as the setting `state` stores it."""
    wanted = settings.get("state", "fp32")
    return Stored(wanted, block_of(shape) if wanted == "8bit" else 0).bytes_of(math.prod(shape))


def low_rank(shape: Shape, settings: Mapping[str, Any], basis: str = "fp32") -> float:
    """Two moments of the projected gradient, and the basis in its own format (`none`: not kept)."""
    rank, rows, columns = settings["rank"], shape[-2], shape[-1]
    is_right = rows >= columns
    low = [*shape[:-1], rank] if is_right else [*shape[:-2], rank, columns]
    kept = [*shape[:-2], rank, columns] if is_right else [*shape[:-1], rank]
    return 2 * moment(low, settings) + (0 if basis == "none" else moment(kept, {"state": basis}))


def with_rest(of_matrix: Callable[[Trained, Mapping[str, Any]], float]) -> StateBytes:
    """Matrices cost what `of_matrix` says, everything else what the kind chosen under `rest` declares.

    A setting `rank` leaves matrices with a smaller side to `rest` as well.
    """

    def of(trained: Trained, settings: Mapping[str, Any]) -> float:
        if takes_matrix(trained, settings.get("rank", 0)):
            return of_matrix(trained, settings)
        from whet.base.catalogue import optimizer

        rest = settings["rest"]
        return declared(optimizer.get(rest.kind), rest.values(), [trained])

    return StateBytes(of)


def takes_matrix(trained: Trained, rank: int = 0) -> bool:
    """Whether matrix rules (of this rank) take this parameter rather than leave it to `rest`."""
    return trained.role in MATRIX_ROLES and len(trained.shape) in (2, 3) and min(trained.shape[-2:]) >= rank


def declared(kind: Kind, settings: Mapping[str, Any], parameters: Iterable[Trained]) -> float:
    """Bytes of state that an optimizer with these settings keeps for `parameters`."""
    fact = kind.facts.state_bytes
    if not isinstance(fact, StateBytes):
        return sum(fact * math.prod(p.shape) for p in parameters)
    full = {**kind.settings().values(), **settings}
    return sum(fact.of(p, full) for p in parameters)


def offloaded(sizes: Iterable[int], share: float) -> Iterator[bool]:
    """Of tensors in turn, whether the state of each lies on the host: as near to the share of all numbers as whole
    tensors come, and spread over the model."""
    seen = away = 0
    for size in sizes:
        seen += size
        goes = share > 0 and away + size / 2 <= share * seen
        away += size * goes
        yield goes


def per_parameter(kind: Kind) -> float:
    """Declared bytes a weight of a 4096 x 11008 matrix, at the kind's default settings."""
    return declared(kind, {}, [Trained(EXAMPLE)]) / math.prod(EXAMPLE)
