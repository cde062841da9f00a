"""The mesh of a run on several ranks: where each of them stands in it, and who holds which part of which weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whet.track.logs.frames import rank_writer
from whet.track.reading.read import History


@dataclass(frozen=True, slots=True)
class PlacedRank:
    """A rank, its place on each axis of the mesh, and the bytes of weights that lie on it."""

    rank: int
    place: dict[str, int]
    bytes: int


@dataclass(frozen=True, slots=True)
class HeldWeight:
    """`count` weights of one shape that lie alike on some ranks; each axis that `cut`s them with the dimension."""

    name: str
    count: int
    shape: list[int]
    cut: dict[str, int]
    ranks: list[int]


@dataclass(frozen=True, slots=True)
class Mesh:
    """`sizes` of the axes, outermost first; empty for a run on one process."""

    sizes: dict[str, int]
    ranks: list[PlacedRank]
    weights: list[HeldWeight]


def mesh_of(logs: History) -> Mesh:
    """The mesh of a run's newest attempt, by what its ranks said as it started; what is no such word is left out.

    The first rank is in every attempt. Others have numbers of their own for theirs: they belong to its newest where its
    mesh has a place for them, and they told of the same one.
    """
    told: dict[int, tuple[int, Mapping[str, Any]]] = {}
    for rank in logs.ranks:
        for event in logs.events_of(("started",), rank_writer(rank)):
            if event.attempt >= told.get(rank, (0, {}))[0]:
                told[rank] = event.attempt, _mapping(event.payload.get("held"))
    _, first = told.get(min(told, default=0), (0, {}))
    sizes = _counts(first.get("sizes"))
    current = {
        rank: here
        for rank, (_, here) in told.items()
        if here and rank < math.prod(sizes.values()) and _counts(here.get("sizes")) == sizes
    }
    ranks = [PlacedRank(rank, _counts(here.get("place")), _count(here.get("bytes"))) for rank, here in current.items()]
    return Mesh(sizes, ranks, _weights(current))


def _weights(told: Mapping[int, Mapping[str, Any]]) -> list[HeldWeight]:
    """What several ranks hold in the same way, in one."""
    found: dict[tuple[Any, ...], HeldWeight] = {}
    for rank, here in told.items():
        for one in map(_mapping, _list(here.get("weights"))):
            name, count, cut = str(one.get("name") or ""), _count(one.get("count")), _counts(one.get("cut"))
            shape = [_count(size) for size in _list(one.get("shape"))]
            key = name, count, tuple(shape), tuple(cut.items())
            found.setdefault(key, HeldWeight(name, count, shape, cut, [])).ranks.append(rank)
    return list(found.values())


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _counts(value: Any) -> dict[str, int]:
    return {str(name): _count(count) for name, count in _mapping(value).items()}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
