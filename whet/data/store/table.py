"""Sample tables: samples as a few flat arrays, in memory or mapped from files."""

# N samples

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cached_property
from typing import Any

import numpy as np

from whet.base.errors import RunError
from whet.contracts.sample import Sample
from whet.data.store import codec
from whet.data.store.codec import STREAM, Codec, Columns, Read, ragged

_NAMES = [field.name for field in fields(Sample)]
_TARGET = f"{STREAM}target."
# The form of `packed`; the token cache is keyed on the code instead.
_VERSION, _PACKED = 2, "packed.version"


class SampleTable:
    """Samples as columns, each field by its codec."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> SampleTable:
        """Flatten samples. Raises DataError when their fields differ in name or shape."""
        columns: dict[str, np.ndarray] = {}
        for name in _NAMES:
            columns |= CODECS[name].write(samples)
        return cls(columns)

    def __len__(self) -> int:
        return len(self.columns["rows"])

    @cached_property
    def lengths(self) -> np.ndarray:
        """(N,) int32 tokens a sample; a sample without tokens counts 1, as a model without tokens counts samples."""
        target = self.columns.get(f"{_TARGET}starts", np.zeros(len(self) + 1, np.int64))
        return np.maximum(np.diff(self.columns["starts"]) + np.diff(target), 1).astype(np.int32)

    @property
    def trained(self) -> np.ndarray:
        """(N,) how many tokens of each sample are trained: those of its target where it has one."""
        return self.columns.get(f"{_TARGET}trained", self.columns["trained"])

    def sample(self, index: int, source: str | None = None) -> Sample:
        """The sample at `index`, as coming from `source` (None: from where it is stored to come from)."""
        at = slice(*self.columns["starts"][index : index + 2].tolist())
        return Sample(**{name: read(index, at, source) for name, read in self._reads})

    @cached_property
    def _reads(self) -> list[tuple[str, Read]]:
        """What reads each field in which any sample differs from the default."""
        found = [(name, CODECS[name].read(self.columns)) for name in _NAMES]
        return [(name, read) for name, read in found if read is not None]


def packed(samples: Sequence[Sample]) -> str:
    """Samples as text (base64 of a compressed npz), for what is stored as JSON."""
    file = io.BytesIO()
    columns = {**SampleTable.of(samples).columns, _PACKED: np.array(_VERSION)}
    np.savez_compressed(file, **columns)  # type: ignore[arg-type]
    return base64.b64encode(file.getvalue()).decode("ascii")


def unpacked(text: Any) -> list[Sample]:
    """The samples of `packed`. Raises RunError for those of another version."""
    columns: dict[str, np.ndarray] = {}
    if isinstance(text, str):
        with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as stored:
            columns = {name: stored[name] for name in stored.files}
    if columns.pop(_PACKED, None) != _VERSION:
        raise RunError(
            "the samples in this checkpoint were stored by another version of whet",
            hint="go on with the version that stored them, or start a new run from the checkpoint's weights",
        )
    table = SampleTable(columns)
    return [table.sample(index) for index in range(len(table))]


def plain(name: str) -> str:
    """A column's name in the table of the stream that it belongs to."""
    while name.startswith(STREAM):
        name = name.split(".", 2)[2]
    return name


def _write_streams(samples: Sequence[Sample]) -> dict[str, np.ndarray]:
    """`stream.<name>.<column>`: tables of their own."""
    tables = {name: SampleTable.of([s.streams[name] for s in samples]) for name in codec.names_of(samples, "streams")}
    return {f"{STREAM}{name}.{n}": column for name, table in tables.items() for n, column in table.columns.items()}


def _read_streams(columns: Columns) -> Read | None:
    names = dict.fromkeys(name.split(".", 2)[1] for name in columns if name.startswith(STREAM))
    if not names:
        return None
    tables = {name: SampleTable(codec.under(f"{STREAM}{name}.", columns)) for name in names}
    return lambda index, at, source: {name: table.sample(index, source) for name, table in tables.items()}


# Columns that a shard leaves out: a source is called what the run that reads it calls it.
UNNAMED = frozenset({"sources"})
# Columns that a shard leaves out where they are empty, and those that say where their entries lie.
OPTIONAL = {"targets": "target_starts", "positions": "position_starts", "media": "media_starts"}

CODECS: Mapping[str, Codec] = {
    "ids": Codec(codec.write_ids, codec.read_ids),
    "weights": Codec(codec.write_weights, codec.read_weights),
    "fields": Codec(codec.write_fields, codec.read_fields),
    "origin": Codec(codec.write_origin, codec.read_origin),
    "cuts": ragged("cuts", "cut_starts", lambda s: s.cuts, np.int32, lambda found, at: tuple(found.tolist())),
    "streams": Codec(_write_streams, _read_streams),
    "values": Codec(codec.write_values, codec.read_values),
    "is_in_place": codec.flag("in_place", lambda s: s.is_in_place, False, True),
    "kind": codec.flag("bidirectional", lambda s: s.kind == "bidirectional", "causal", "bidirectional"),
    "targets": ragged(
        "targets", "target_starts", lambda s: () if s.targets is None else s.targets, np.int32,
        lambda found, at: np.array(found) if len(found) else None,
    ),
    "positions": ragged(
        "positions", "position_starts", lambda s: () if s.positions is None else s.positions.reshape(-1), np.int32,
        lambda found, at: np.array(found).reshape(-1, at.stop - at.start) if len(found) else None,
    ),
    "media": ragged(
        "media", "media_starts", lambda s: codec.media_bytes(s) if s.media else (), np.uint8, codec.media_of
    ),
}  # fmt: skip
