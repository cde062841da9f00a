"""The index of a log: what a reader found in it up to some byte, kept beside it so that it is not read twice.

`<writer>.a<attempt>.index` is a sidecar (`whet.track.logs.sidecar`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.track.logs import frames, sidecar
from whet.track.logs.non_finite import NonFinite
from whet.track.logs.pyramid import Level, Pyramid
from whet.track.logs.scan import Names, Rows

if TYPE_CHECKING:
    import numpy as np

SUFFIX = ".index"
MAGIC = b"whetidx3"

Pyramids = dict[Names, Pyramid]


@dataclass(slots=True)
class Outline:
    """What a log holds besides rows. `events` are (offset, number of its kind in `kinds`); `breaks` (offset, bytes);
    behind the byte `redefined` no schema has got another meaning."""

    offset: int = 0
    format: int = frames.FORMAT
    schemas: dict[int, Names] = field(default_factory=dict)
    redefined: int = 0
    start: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] | None = None
    first_time: float = 0.0
    last_time: float = 0.0
    first_step: int | None = None
    last_step: int | None = None
    breaks: list[tuple[int, int]] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    events: list[tuple[int, int]] = field(default_factory=list)

    def stretch(self, first: int, last: int, moment: float) -> None:
        """Rows have come whose steps lie from `first` to `last`."""
        self.first_step = first if self.first_step is None else min(first, self.first_step)
        self.last_step = last if self.last_step is None else max(last, self.last_step)
        self.last_time = max(self.last_time, moment)

    def add_event(self, offset: int, kind: str) -> None:
        if kind not in self.kinds:
            self.kinds.append(kind)
        self.events.append((offset, self.kinds.index(kind)))


def read(log: Path) -> tuple[Outline, Pyramids]:
    """The index of a log; an empty one where there is none that fits."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = sidecar.read(log.with_suffix(SUFFIX), log, MAGIC)
        if found is not None:
            header, data, body = found
            outline = _outline(header["outline"])
            if outline.offset <= log.stat().st_size:
                return outline, {p.names: p for p in _pyramids(header["pyramids"], data, body)}
    return Outline(), {}


def write(log: Path, outline: Outline, pyramids: Pyramids) -> bool:
    """Put an index beside the log, whole or not at all. False where the folder cannot be written."""
    blobs: list[bytes] = []
    listed = [_listed(pyramid, blobs) for pyramid in pyramids.values()]
    stated = {name: getattr(outline, name) for name in Outline.__slots__}
    stated["schemas"] = [[number, *names] for number, names in outline.schemas.items()]
    return sidecar.write(log.with_suffix(SUFFIX), log, MAGIC, {"outline": stated, "pyramids": listed}, blobs)


def _outline(stated: Mapping[str, Any]) -> Outline:
    schemas = {int(number): tuple(names) for number, *names in stated["schemas"]}
    pairs = {name: [(int(a), int(b)) for a, b in stated[name]] for name in ("breaks", "events")}
    return Outline(**{**stated, "schemas": schemas, **pairs})


def _listed(pyramid: Pyramid, blobs: list[bytes]) -> dict[str, Any]:
    """A pyramid as JSON; its arrays go to the blobs, and their shapes into what is returned."""

    def put(arrays: Any) -> list[Any]:
        shapes = []
        for array in arrays:
            blobs.append(array.tobytes())
            shapes.append([len(blobs[-1]), array.dtype.str, list(array.shape)])
        return shapes

    return {
        "names": pyramid.names,
        "num_rows": pyramid.num_rows,
        "base": None if pyramid.base is None else put(pyramid.base.arrays()),
        "rest": None if pyramid.rest is None else put(pyramid.rest.arrays()),
        "recent": None if pyramid.recent is None else put([pyramid.recent, pyramid.recent_offsets]),
        "base_end": pyramid.base_end,
        "non_finite": pyramid.non_finite.stated(),
    }


def _pyramids(listed: list[Mapping[str, Any]], data: bytes, place: int) -> Iterator[Pyramid]:
    """The pyramids whose arrays lie one behind the other from `place` on."""
    import numpy as np

    def take(shapes: list[Any]) -> Iterator[np.ndarray]:
        nonlocal place
        for size, form, shape in shapes:
            yield np.frombuffer(data, np.dtype(form), count=int(np.prod(shape)), offset=place).reshape(shape)
            place += size

    for stated in listed:
        pyramid = Pyramid(tuple(stated["names"]))
        pyramid.num_rows = stated["num_rows"]
        if stated["base"] is not None:
            pyramid.base = Level(*take(stated["base"]))
        if stated["rest"] is not None:
            pyramid.rest = Rows(pyramid.names, *take(stated["rest"]))
        if stated["recent"] is not None:
            pyramid.recent, pyramid.recent_offsets = take(stated["recent"])
        pyramid.base_end, pyramid.non_finite = stated["base_end"], NonFinite(stated["non_finite"])
        yield pyramid
