"""Sample tables: the samples of one source as a few flat arrays, in memory or mapped from files."""

# N samples   T tokens of all samples together   R runs of equal weights

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from whet.base.errors import DataError
from whet.contracts.sample import Origin, Sample

FIELD, VALUE = "field.", "value."


class SampleTable:
    """Samples as columns.

    ids (T,) of any integer type; starts (N + 1,) of the samples in ids; weights as runs of equal
    values: run_values (R,), run_ends (R,) counted within the sample, run_starts (N + 1,); trained
    (N,) how many tokens have a weight; rows (N,) and parts (N,) of the origins; cuts, where branches
    begin, those of a sample from cut_starts (N + 1,) on; `field.<name>` (E, ...), an entry a branch and one for a
    sample without branches; `value.<name>` (T, ...);
    in_place (N,) and bidirectional (N,), 0 or 1.
    """

    def __init__(self, columns: Mapping[str, np.ndarray]) -> None:
        self.columns = columns
        self.fields = {name.removeprefix(FIELD): column for name, column in columns.items() if name.startswith(FIELD)}
        self.values = {name.removeprefix(VALUE): column for name, column in columns.items() if name.startswith(VALUE)}

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> SampleTable:
        """Flatten samples. Raises DataError when their fields differ in name or shape."""
        starts = _starts([len(sample.ids) for sample in samples])
        weights = _joined([sample.weights for sample in samples], np.float32)
        has_tokens = np.diff(starts) > 0
        begins = np.union1d(np.flatnonzero(weights[1:] != weights[:-1]) + 1, starts[:-1][has_tokens])
        owners = np.searchsorted(starts, begins, side="right") - 1
        origins = [sample.origin or Origin("", number) for number, sample in enumerate(samples)]
        columns = {
            "ids": _joined([sample.ids for sample in samples], np.int32),
            "starts": starts,
            "run_starts": _starts(np.bincount(owners, minlength=len(samples))),
            "run_ends": (np.append(begins[1:], len(weights))[: len(begins)] - starts[owners]).astype(np.int32),
            "run_values": weights[begins],
            "trained": _trained(weights, starts),
            "rows": np.array([origin.row for origin in origins], np.int64),
            "parts": np.array([origin.part for origin in origins], np.int32),
            "cuts": _joined([sample.cuts for sample in samples], np.int32),
            "cut_starts": _starts([len(sample.cuts) for sample in samples]),
            "in_place": np.array([sample.is_in_place for sample in samples], np.uint8),
            "bidirectional": np.array([sample.kind == "bidirectional" for sample in samples], np.uint8),
        }
        return cls(columns | _fields(samples) | _values(samples))

    def __len__(self) -> int:
        return len(self.columns["rows"])

    @cached_property
    def lengths(self) -> np.ndarray:
        """(N,) int32 tokens a sample; a sample without tokens counts 1, as a model without tokens counts samples."""
        return np.maximum(np.diff(self.columns["starts"]), 1).astype(np.int32)

    def sample(self, index: int, source: str) -> Sample:
        """The sample at `index`, as coming from `source`."""
        columns = self.columns
        start, stop = columns["starts"][index : index + 2].tolist()
        return Sample(
            columns["ids"][start:stop].astype(np.int32),
            self._weights(index, stop - start),
            self._fields(index),
            Origin(source, int(columns["rows"][index]), int(columns["parts"][index])),
            self._cuts(index),
            values={name: np.array(column[start:stop]) for name, column in self.values.items()},
            is_in_place=bool(self.columns["in_place"][index]),
            kind="bidirectional" if self.columns["bidirectional"][index] else "causal",
        )

    def _fields(self, index: int) -> dict[str, np.ndarray]:
        if not len(self.columns["cuts"]):
            return {name: np.array(column[index]) for name, column in self.fields.items()}
        first, last = self._entry_starts[index : index + 2].tolist()
        at = slice(first, last) if self._cuts(index) else first
        return {name: np.array(column[at]) for name, column in self.fields.items()}

    @cached_property
    def _entry_starts(self) -> np.ndarray:
        """Where each sample's entries lie in the fields: (N + 1,)."""
        return _starts(np.maximum(np.diff(self.columns["cut_starts"]), 1))

    def _cuts(self, index: int) -> tuple[int, ...]:
        if not len(self.columns["cuts"]):
            return ()
        first, last = self.columns["cut_starts"][index : index + 2].tolist()
        return tuple(self.columns["cuts"][first:last].tolist())

    def _weights(self, index: int, length: int) -> np.ndarray:
        first, last = self.columns["run_starts"][index : index + 2].tolist()
        ends, values = self.columns["run_ends"][first:last].tolist(), self.columns["run_values"][first:last].tolist()
        weights, start = np.empty(length, np.float32), 0
        for end, value in zip(ends, values, strict=True):  # few runs: faster than numpy's repeat
            weights[start:end] = value
            start = end
        return weights


def _starts(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _joined(arrays: Sequence[Any], dtype: Any) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *(np.asarray(array, dtype) for array in arrays)])


def _trained(weights: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Tokens with a weight; the first token of a sample is predicted from nothing, so it never counts."""
    counts = weights > 0
    first = starts[:-1][np.diff(starts) > 0]
    counts[first] = False
    sums = np.concatenate([[0], np.cumsum(counts)])
    return np.where(np.diff(starts) > 0, np.diff(sums[starts]), 1).astype(np.int32)


def _fields(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    if not samples:
        return {}
    names = list(samples[0].fields)
    columns = {}
    for sample in samples:
        if list(sample.fields) != names:
            raise _differs(sample, samples[0], f"has the fields {_list(sample.fields)}", _list(names))
    for name in names:
        values = [np.asarray(sample.fields[name]) for sample in samples]
        for sample, value in zip(samples, values, strict=True):
            if value.dtype.kind not in "biuf":
                raise DataError(
                    f"the field `{name}` is {sample.fields[name]!r}, not a number",
                    at=_place(sample),
                    hint=f"give `{name}` a number in every row",
                )
            if sample.cuts and value.shape[:1] != (len(sample.cuts),):
                raise DataError(
                    f"`{name}` of shape {value.shape} has no entry a branch",
                    at=_place(sample),
                    hint=f"give `{name}` a value for each reply",
                )
        entries = [v if s.cuts else v[None] for s, v in zip(samples, values, strict=True)]
        for sample, entry in zip(samples, entries, strict=True):
            if entry.shape[1:] != entries[0].shape[1:]:
                found, first = (str(one.shape[1:]) for one in (entry, entries[0]))
                raise _differs(sample, samples[0], f"has `{name}` of shape {found}", first)
        stacked = np.concatenate(entries)
        columns[FIELD + name] = stacked.astype(np.float32 if stacked.dtype.kind == "f" else np.int64)
    return columns


def _values(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    if not samples:
        return {}
    names = list(samples[0].values)
    for sample in samples:
        if list(sample.values) != names:
            raise _differs(sample, samples[0], f"has the values {_list(sample.values)}", _list(names))
    columns = {name: np.concatenate([np.asarray(sample.values[name]) for sample in samples]) for name in names}
    return {VALUE + name: c.astype(np.float32 if c.dtype.kind == "f" else np.int64) for name, c in columns.items()}


def _differs(sample: Sample, first: Sample, has: str, wanted: str) -> DataError:
    return DataError(
        f"a row {has}, and {_place(first)} has {wanted}",
        at=_place(sample),
        hint="all rows need the same columns with equally many numbers",
    )


def _place(sample: Sample) -> str:
    return f"{sample.origin.source} row {sample.origin.row}" if sample.origin else "a sample"


def _list(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
