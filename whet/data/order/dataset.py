"""Data sets: samples by number, with their lengths and where each source's samples lie; held-out parts."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from whet.base.errors import DataError
from whet.contracts.sample import Sample
from whet.data.order.epochs import HELD_OUT, Span
from whet.data.order.shuffle import Shuffle
from whet.data.store.table import SampleTable


class Dataset(Protocol):
    """Samples by number, in manifest order.

    `lengths` (N,) tokens a sample (1 without tokens); `trained` (N,) tokens with a weight; `rows` (N,)
    the row of its source that each sample came from; `spans` the samples of each source; `hash` is
    that of the samples and of the sources' weights.
    """

    @property
    def spans(self) -> Sequence[Span]: ...

    @property
    def hash(self) -> str: ...

    @property
    def lengths(self) -> np.ndarray: ...

    @property
    def trained(self) -> np.ndarray: ...

    @property
    def rows(self) -> np.ndarray: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


class Over:
    """The samples of `base`, for a data set that says more of each: order, lengths and hash stay those of the base."""

    def __init__(self, base: Dataset) -> None:
        self._base = base
        self.lengths, self.trained, self.rows = base.lengths, base.trained, base.rows

    @property
    def spans(self) -> Sequence[Span]:
        return self._base.spans

    @property
    def hash(self) -> str:
        return self._base.hash

    def __len__(self) -> int:
        return len(self._base)

    def __getitem__(self, index: int) -> Sample:
        return self._base[index]


class Part(NamedTuple):
    """The samples of one source in a token store: `hash` is that of the samples, `num_rows` what was read for them."""

    table: SampleTable
    source: str
    weight: float
    hash: str
    num_rows: int


class TokenStore:
    """The samples of several sources, one source after the other."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(len(part.table) for part in parts)]).tolist()
        ranges = zip(self._starts, self._starts[1:], strict=False)
        self.spans = [Span(part.source, *span, part.weight) for part, span in zip(parts, ranges, strict=True)]

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._starts, index) - 1
        part = self._parts[number]
        return part.table.sample(index - self._starts[number], part.source)

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(repr([(part.hash, part.weight) for part in self._parts]).encode()).hexdigest()[:32]

    @cached_property
    def lengths(self) -> np.ndarray:
        return np.concatenate([part.table.lengths for part in self._parts])

    @cached_property
    def trained(self) -> np.ndarray:
        return np.concatenate([part.table.trained for part in self._parts])

    @cached_property
    def rows(self) -> np.ndarray:
        return np.concatenate([part.table.columns["rows"] for part in self._parts])

    @property
    def facts(self) -> dict[str, Any]:
        """Rows read, samples, tokens, and the share of tokens that is trained, for the run's record."""
        tokens = int(self.lengths.sum())
        return {
            "rows": sum(part.num_rows for part in self._parts),
            "samples": len(self),
            "tokens": tokens,
            "trained_share": int(self.trained.sum()) / tokens if tokens else 0.0,
        }


class View:
    """Some samples of a data set, in its order."""

    def __init__(self, base: Dataset, indices: np.ndarray) -> None:
        self._base, self._indices = base, indices
        self.lengths, self.trained, self.rows = base.lengths[indices], base.trained[indices], base.rows[indices]
        edges = [np.searchsorted(indices, (span.start, span.stop)).tolist() for span in base.spans]
        self.spans = [
            span._replace(start=start, stop=stop) for span, (start, stop) in zip(base.spans, edges, strict=True)
        ]

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self._base.hash.encode() + self._indices.tobytes()).hexdigest()[:32]

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        return self._base[int(self._indices[index])]


def held_out(data: Dataset, fraction: float, seed: int) -> tuple[View, View]:
    """Split off `fraction` of each source's rows, chosen by `seed`: (the rest, the held-out part).

    Pieces of one document stay on one side, so that nothing measured was trained on; of a source with
    too few documents for that, such as one long text, the last pieces are held out. Raises DataError
    when either side would be empty.
    """
    is_held = np.zeros(len(data), bool)
    for number, span in enumerate(data.spans):
        rows, owners = np.unique(data.rows[span.start : span.stop], return_inverse=True)
        if wanted := round(fraction * len(rows)):
            places = Shuffle(len(rows), seed, number, HELD_OUT).all()
            is_held[span.start : span.stop] = (places < wanted)[owners]
        else:
            is_held[span.stop - round(fraction * len(owners)) : span.stop] = True
    if not is_held.any() or is_held.all():
        side = "is left to train on" if is_held.any() else "is held out"
        raise DataError(
            f"with {fraction:g} of {len(data):,} samples held out, nothing {side}",
            at="data.held_out",
            hint="give another fraction, or a file: data.held_out=[valid.jsonl]",
        )
    return View(data, np.flatnonzero(~is_held)), View(data, np.flatnonzero(is_held))
