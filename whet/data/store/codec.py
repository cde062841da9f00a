"""Codec: the one way in which the fields of samples become flat arrays, and come back.

Whatever stores samples goes through it (`whet.data.store.table`): the token cache, streams, rollouts.
"""

# N samples   T tokens of all samples together   R runs of equal weights   E entries of a ragged column

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from whet.base.errors import DataError
from whet.contracts.sample import Media, Origin, Sample

FIELD, VALUE, STREAM = "field.", "value.", "stream."

Columns = Mapping[str, np.ndarray]
# A field of the sample with this number, whose tokens lie there, of the source called so.
Read = Callable[[int, slice, str | None], Any]


class Codec(NamedTuple):
    """How one field is stored: samples to columns, and columns to what reads it, or None where all have the default."""

    write: Callable[[Sequence[Sample]], dict[str, np.ndarray]]
    read: Callable[[Columns], Read | None]


def starts_of(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """(N + 1,) where entries of these lengths begin, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def joined(arrays: Sequence[Any], dtype: Any) -> np.ndarray:
    """One array of all."""
    return np.concatenate([np.empty(0, dtype), *(np.asarray(array, dtype) for array in arrays)])


def under(prefix: str, columns: Columns) -> dict[str, np.ndarray]:
    """The columns whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): column for name, column in columns.items() if name.startswith(prefix)}


def place(sample: Sample) -> str:
    """The row of a sample, as messages name it."""
    return f"{sample.origin.source} row {sample.origin.row}" if sample.origin else "a sample"


def write_ids(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """ids (T,); starts (N + 1,) of the samples in them."""
    return {"ids": joined([s.ids for s in samples], np.int32), "starts": starts_of([len(s.ids) for s in samples])}


def read_ids(columns: Columns) -> Read:
    ids = columns["ids"]
    return lambda index, at, source: ids[at].astype(np.int32)


def write_weights(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """Runs of equal weights: run_values (R,), run_ends (R,) counted within the sample, run_starts (N + 1,).

    Also trained (N,): how many tokens have a weight.
    """
    starts = starts_of([len(sample.ids) for sample in samples])
    weights = joined([sample.weights for sample in samples], np.float32)
    begins = np.union1d(np.flatnonzero(weights[1:] != weights[:-1]) + 1, starts[:-1][np.diff(starts) > 0])
    owners = np.searchsorted(starts, begins, side="right") - 1
    return {
        "run_starts": starts_of(np.bincount(owners, minlength=len(samples))),
        "run_ends": (np.append(begins[1:], len(weights))[: len(begins)] - starts[owners]).astype(np.int32),
        "run_values": weights[begins],
        "trained": _trained(weights, starts, np.array([sample.is_in_place for sample in samples], bool)),
    }


def _trained(weights: np.ndarray, starts: np.ndarray, is_in_place: np.ndarray) -> np.ndarray:
    """Tokens with a weight; the first token is predicted from nothing, and counts where weights speak of itself."""
    counts = weights > 0
    counts[starts[:-1][(np.diff(starts) > 0) & ~is_in_place]] = False
    sums = np.concatenate([[0], np.cumsum(counts)])
    return np.where(np.diff(starts) > 0, np.diff(sums[starts]), 1).astype(np.int32)


def read_weights(columns: Columns) -> Read:
    starts, run_ends, run_values = columns["run_starts"], columns["run_ends"], columns["run_values"]

    def read(index: int, at: slice, source: str | None) -> np.ndarray:
        first, last = starts[index : index + 2].tolist()
        ends, values = run_ends[first:last].tolist(), run_values[first:last].tolist()
        weights, start = np.empty(at.stop - at.start, np.float32), 0
        for end, value in zip(ends, values, strict=True):  # few runs: faster than numpy's repeat
            weights[start:end] = value
            start = end
        return weights

    return read


def write_fields(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """`field.<name>` (E, ...) float32 or int64: an entry a branch, and one for a sample without branches."""
    columns = {}
    for name in names_of(samples, "fields"):
        values = [np.asarray(sample.fields[name]) for sample in samples]
        for sample, value in zip(samples, values, strict=True):
            if value.dtype.kind not in "biuf":
                raise DataError(
                    f"the field `{name}` is {sample.fields[name]!r}, not a number",
                    at=place(sample),
                    hint=f"give `{name}` a number in every row",
                )
            if sample.cuts and value.shape[:1] != (len(sample.cuts),):
                raise DataError(
                    f"`{name}` of shape {value.shape} has no entry a branch",
                    at=place(sample),
                    hint=f"give `{name}` a value for each reply",
                )
        entries = [v if s.cuts else v[None] for s, v in zip(samples, values, strict=True)]
        for sample, entry in zip(samples, entries, strict=True):
            if entry.shape[1:] != entries[0].shape[1:]:
                found, first = (str(one.shape[1:]) for one in (entry, entries[0]))
                raise _differs(sample, samples[0], f"has `{name}` of shape {found}", first)
        columns[FIELD + name] = _numbers(np.concatenate(entries))
    return columns


def read_fields(columns: Columns) -> Read | None:
    fields, cuts = under(FIELD, columns), "cuts" in columns and len(columns["cuts"])
    if not fields:
        return None
    if not cuts:
        return lambda index, at, source: {name: np.array(column[index]) for name, column in fields.items()}
    counts = np.diff(columns["cut_starts"])
    starts = starts_of(np.maximum(counts, 1))

    def read(index: int, at: slice, source: str | None) -> dict[str, np.ndarray]:
        first, last = starts[index : index + 2].tolist()
        own = slice(first, last) if counts[index] else first
        return {name: np.array(column[own]) for name, column in fields.items()}

    return read


def write_origin(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """rows (N,), -1 where there is no origin; parts (N,); sources (N,) by name, which shards leave out."""
    origins = [sample.origin or Origin("", -1) for sample in samples]
    return {
        "rows": np.array([origin.row for origin in origins], np.int64),
        "parts": np.array([origin.part for origin in origins], np.int32),
        "sources": np.array([origin.source for origin in origins], np.str_),
    }


def read_origin(columns: Columns) -> Read:
    rows, parts, sources = columns["rows"], columns["parts"], columns.get("sources")

    def read(index: int, at: slice, source: str | None) -> Origin | None:
        row = int(rows[index])
        if row < 0:
            return None
        name = source if source is not None else str(sources[index]) if sources is not None else ""
        return Origin(name, row, int(parts[index]))

    return read


def write_values(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """`value.<name>` (T, ...) float32 or int64."""
    names = names_of(samples, "values")
    return {VALUE + n: _numbers(np.concatenate([np.asarray(s.values[n]) for s in samples])) for n in names}


def read_values(columns: Columns) -> Read | None:
    values = under(VALUE, columns)
    if not values:
        return None
    return lambda index, at, source: {name: np.array(column[at]) for name, column in values.items()}


def ragged(
    column: str, starts: str, entries: Callable[[Sample], Any], dtype: Any, back: Callable[[np.ndarray, slice], Any]
) -> Codec:
    """A field with any number of entries a sample: `column` (E,), and `starts` (N + 1,) where those of each begin."""

    def write(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        own = [entries(sample) for sample in samples]
        if not any(map(len, own)):
            return {column: np.empty(0, dtype), starts: np.zeros(len(own) + 1, np.int64)}
        return {column: joined(own, dtype), starts: starts_of(list(map(len, own)))}

    def read(columns: Columns) -> Read | None:
        values, begins = columns.get(column), columns.get(starts)
        if values is None or begins is None or not len(values):
            return None

        def of(index: int, at: slice, source: str | None) -> Any:
            first, last = begins[index : index + 2].tolist()
            return back(values[first:last], at)

        return of

    return Codec(write, read)


def flag(column: str, is_set: Callable[[Sample], bool], without: Any, having: Any) -> Codec:
    """A field with two values: `column` (N,) is 0 or 1."""

    def write(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        return {column: np.array([is_set(sample) for sample in samples], np.uint8)}

    def read(columns: Columns) -> Read | None:
        flags = columns[column]
        return (lambda index, at, source: having if flags[index] else without) if flags.any() else None

    return Codec(write, read)


def media_bytes(sample: Sample) -> np.ndarray:
    """Media as bytes: a line of JSON about all of them, then their values one after the other."""
    arrays = [np.ascontiguousarray(medium.values) for medium in sample.media]
    names = [one.name for one in fields(Media) if one.name != "values"]
    facts = [
        {**{name: getattr(medium, name) for name in names}, "dtype": array.dtype.str, "shape": array.shape}
        for medium, array in zip(sample.media, arrays, strict=True)
    ]
    head = json.dumps(facts).encode() + b"\n"
    return np.frombuffer(head + b"".join(array.tobytes() for array in arrays), np.uint8)


def media_of(content: np.ndarray, at: slice) -> tuple[Media, ...]:
    """The media of `media_bytes`."""
    if not len(content):
        return ()
    head, _, rest = content.tobytes().partition(b"\n")
    found, start = list[Media](), 0
    for fact in json.loads(head):
        dtype, shape = np.dtype(fact.pop("dtype")), fact.pop("shape")
        values = np.frombuffer(rest, dtype, int(np.prod(shape)), start).reshape(shape).copy()
        start += values.nbytes
        told: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in fact.items()}
        found.append(Media(**told, values=values))
    return tuple(found)


def names_of(samples: Sequence[Sample], attribute: str) -> list[str]:
    """The names in a mapping that every sample has. Raises DataError where they differ."""
    of = attrgetter(attribute)
    names = list(of(samples[0])) if samples else []
    for sample, own in zip(samples, map(list, map(of, samples)), strict=True):
        if own != names:
            raise _differs(sample, samples[0], f"has the {attribute} {_list(own)}", _list(names))
    return names


def _numbers(column: np.ndarray) -> np.ndarray:
    return column.astype(np.float32 if column.dtype.kind == "f" else np.int64)


def _differs(sample: Sample, first: Sample, has: str, wanted: str) -> DataError:
    return DataError(
        f"a row {has}, and {place(first)} has {wanted}",
        at=place(sample),
        hint="all rows need the same columns with equally many numbers",
    )


def _list(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
