"""The console of a rank by line numbers: pages and searches of a console of any length, without reading it whole.

Blocks of some hundred lines are known by where they begin in the file, the number, step and time of their first line.
They are found once by reading the heads of the frames, followed as the file grows, and kept beside it
(`r0.a1.console.index`, a `whet.track.logs.sidecar`).
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import IO

from whet.base.regular import opened
from whet.track.logs import frames, index, sidecar
from whet.track.logs.scan import Other, Scanner
from whet.track.reading.store import LOGS
from whet.track.recorded.console_reading import Printed, lines
from whet.track.recorded.record_file import record_files

BLOCK_LINES = 200
# Blocks that one search looks through.
MOST_BLOCKS = 2000
_PIECE_BYTES = 1 << 24
# Consoles that are kept indexed.
_KEPT = 16
# The index is written anew once so much of the file lies behind it.
_BEHIND_BYTES = 1 << 20
_MAGIC = b"whetcon2"
_HEAD, _STAMP, _NEWLINE = frames.HEAD, frames.STAMP, ord("\n")


@dataclass(frozen=True, slots=True)
class Line:
    """A line as a terminal shows it in the end; `time` is Unix time, `number` counts from 0 over all attempts."""

    number: int
    time: float
    step: int
    attempt: int
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines from a frame on: the number of the first in the file, the step, and by stream what is open of a line."""

    offset: int
    number: int
    step: int
    tails: Mapping[int, bytes]


@dataclass(slots=True)
class _File:
    """The index of one attempt's file."""

    path: Path
    rank: str
    attempt: int
    blocks: list[_Block] = field(default_factory=list)
    offset: int = 0
    # How much of the file the index beside it knows.
    kept: int = 0
    # Whole lines so far, and by stream what is open of one: a bar that is drawn over itself may be so for hours.
    num_whole: int = 0
    tails: dict[int, bytes] = field(default_factory=dict)

    @property
    def num_lines(self) -> int:
        return self.num_whole + len(self.tails)

    def refresh(self) -> None:
        """Follow the file. Raises OSError."""
        if not self.offset:
            self._load(self.path.stat().st_size)
        with opened(self.path, "rb") as file:
            self._follow(file)
        if self.offset - self.kept > _BEHIND_BYTES:
            self._store()

    def _follow(self, file: IO[bytes]) -> None:
        piece_bytes = _PIECE_BYTES
        while True:
            file.seek(self.offset)
            data = file.read(piece_bytes)
            before = self.offset
            self._take(data)
            if len(data) < piece_bytes:
                return
            if self.offset == before:  # one frame larger than the piece
                piece_bytes *= 2

    def _load(self, size: int) -> None:
        """Begin with what is kept beside the file, if it fits."""
        self.offset = len(frames.MAGIC)
        found = sidecar.read(_place(self.path), self.path, _MAGIC)
        if found is None:
            return
        with suppress(KeyError, TypeError, ValueError, OverflowError):
            told = found[0]
            offset, num = sidecar.whole(told["offset"], size), sidecar.whole(told["num_whole"], size)
            blocks = [
                _Block(sidecar.whole(o, offset), sidecar.whole(n, num), int(s), _bytes(tails))
                for o, n, s, tails in told["blocks"]
            ]
            is_ordered = all(a.offset < b.offset and a.number < b.number for a, b in pairwise(blocks))
            if is_ordered and offset >= len(frames.MAGIC) and (not blocks or not blocks[0].number):
                self.tails = _bytes(told["tails"])
                self.offset = self.kept = offset
                self.num_whole, self.blocks = num, blocks

    def _store(self) -> None:
        blocks = [(one.offset, one.number, one.step, _texts(one.tails)) for one in self.blocks]
        told = {"offset": self.offset, "num_whole": self.num_whole, "tails": _texts(self.tails), "blocks": blocks}
        if sidecar.write(_place(self.path), self.path, _MAGIC, told, ()):
            self.kept = self.offset

    def _take(self, data: bytes) -> None:
        """The heads of all whole frames, whose sums are looked at only where a line is shown."""
        place, size, base = 0, len(data), self.offset
        while place + _HEAD.size + _STAMP.size <= size:
            length, _, type, stream = _HEAD.unpack_from(data, place)
            end = place + _HEAD.size + length
            if end > size or length < _STAMP.size:
                break
            if type == frames.TEXT:
                _, step = _STAMP.unpack_from(data, place + _HEAD.size)
                self._text(base + place, step, stream, data, place + _HEAD.size + _STAMP.size, end)
            place = end
        self.offset = base + place

    def _text(self, offset: int, step: int, stream: int, data: bytes, start: int, end: int) -> None:
        number = self.num_whole
        if not self.blocks or number - self.blocks[-1].number >= BLOCK_LINES:
            self.blocks.append(_Block(offset, number, step, dict(self.tails)))
        self.num_whole += data.count(b"\n", start, end)
        if data[end - 1] == _NEWLINE:
            self.tails.pop(stream, None)
        elif end > start:
            line = self.tails.get(stream, b"") + data[start:end]
            # Of what is drawn over only the last form counts.
            *_, last = [form for form in line[line.rfind(b"\n") + 1 :].split(b"\r") if form] or [b""]
            self.tails[stream] = last

    def stretch(self, block: int) -> tuple[int, int]:
        """From where to where in the file a block lies."""
        behind = self.blocks[block + 1].offset if block + 1 < len(self.blocks) else self.offset
        return self.blocks[block].offset, behind

    def raw(self, block: int) -> bytes:
        """The bytes of a block, heads of frames among them. Raises OSError."""
        start, end = self.stretch(block)
        with opened(self.path, "rb") as file:
            file.seek(start)
            return file.read(end - start)

    def text_of(self, block: int) -> bytes:
        """What was written in a block, heads of frames left out. Raises OSError."""
        data, place, parts = self.raw(block), 0, [*self.blocks[block].tails.values()]
        while place + _HEAD.size <= len(data):
            length, _, type, _ = _HEAD.unpack_from(data, place)
            if type == frames.TEXT:
                parts.append(data[place + _HEAD.size + _STAMP.size : place + _HEAD.size + length])
            place += _HEAD.size + length
        return b"".join(parts)

    def shown(self, block: int, first: int) -> list[Line]:
        """The lines of a block; `first` is the number of the file's first line. Raises OSError."""
        begin, data = self.blocks[block], self.raw(block)
        pieces = [self._printed(0.0, begin.step, stream, tail) for stream, tail in begin.tails.items()]
        for one in Scanner(begin.offset).scan(data, True):
            if isinstance(one, Other) and one.type == frames.TEXT:
                moment, step = _STAMP.unpack_from(one.payload)
                stream = _HEAD.unpack_from(data, one.offset - begin.offset)[3]
                pieces.append(self._printed(moment, step, stream, one.payload[_STAMP.size :]))
        found, number = lines(pieces), first + begin.number
        if block + 1 < len(self.blocks):  # a line that is open is one of a later block
            found = found[: self.blocks[block + 1].number - begin.number]
        return [Line(number + n, p.time, p.step, p.attempt, p.stream, text) for n, (p, text) in enumerate(found)]

    def _printed(self, moment: float, step: int, stream: int, data: bytes) -> Printed:
        return Printed(moment, step, self.rank, self.attempt, "stderr" if stream == 2 else "stdout", data)


class Console:
    """What one rank of a run has printed, over all attempts. Not for several threads at once."""

    def __init__(self, folder: Path, rank: str) -> None:
        self.folder, self.rank = folder, rank
        self._files: dict[str, _File] = {}

    def refresh(self) -> None:
        """Follow the files. What cannot be read is left out."""
        for path in record_files(self.folder / LOGS, frames.CONSOLE_FILE).get(self.rank, []):
            writer = frames.parse_name(path, frames.CONSOLE_FILE)
            if writer is not None and path.name not in self._files:
                self._files[path.name] = _File(path, self.rank, writer.attempt)
        for name, one in list(self._files.items()):
            try:
                if one.path.stat().st_size < one.offset:  # another in its place
                    self._files[name] = one = _File(one.path, one.rank, one.attempt)
                one.refresh()
            except OSError:
                del self._files[name]

    @property
    def total(self) -> int:
        """How many lines there are, the open ones among them."""
        return sum(one.num_lines for one in self._sorted())

    def page(self, start: int, limit: int) -> list[Line]:
        """Lines from a number on."""
        found: list[Line] = []
        for one, first, block in self._blocks(start):
            if len(found) >= limit:
                break
            found += [line for line in one.shown(block, first) if line.number >= start]
        return found[:limit]

    def first_of(self, step: int) -> int:
        """The number of the first line printed at a step or after it, in the newest attempt that came there."""
        place, first = self.total, 0
        for one in self._sorted():
            block = bisect_right([b.step for b in one.blocks], step - 1) - 1
            if one.blocks and one.num_lines:
                inside = (line for n in range(max(block, 0), len(one.blocks)) for line in one.shown(n, first))
                place = next((line.number for line in inside if line.step >= step), place)
            first += one.num_lines
        return place

    def search(self, text: str, start: int, limit: int, stream: str | None = None) -> tuple[list[Line], int | None]:
        """Lines from a number on, of one stream or all, that hold a text, whatever the case; and where to go on.

        At most MOST_BLOCKS blocks are looked through at once.
        """
        found: list[Line] = []
        looked = 0
        wanted, raw = text.casefold(), text.encode()
        folds = raw.isascii()
        for one, first, block in self._blocks(start):
            looked += 1
            if looked > MOST_BLOCKS:
                return found, first + one.blocks[block].number
            if not _may_hold(one.text_of(block), raw.lower(), folds=folds):
                continue
            for line in one.shown(block, first):
                if line.number >= start and stream in (None, line.stream) and wanted in line.text.casefold():
                    if len(found) >= limit:
                        return found, line.number
                    found.append(line)
        return found, None

    def _sorted(self) -> list[_File]:
        return sorted(self._files.values(), key=lambda one: one.attempt)

    def _blocks(self, start: int) -> Iterator[tuple[_File, int, int]]:
        """Blocks from the one that has a line on: its file, the number of the file's first line, which block it is."""
        first = 0
        for one in self._sorted():
            if start < first + one.num_lines:
                begin = bisect_right([b.number for b in one.blocks], max(start - first, 0)) - 1
                for block in range(max(begin, 0), len(one.blocks)):
                    yield one, first, block
            first += one.num_lines


class Consoles:
    """Consoles that were asked for last, kept indexed. Safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, str], tuple[Console, threading.Lock]] = OrderedDict()
        self._lock = threading.Lock()

    def held(self, folder: Path, rank: str) -> tuple[Console, threading.Lock]:
        """The console of a rank, and the lock to hold while it is used."""
        with self._lock:
            key = folder, rank
            found = self._kept.get(key) or (Console(folder, rank), threading.Lock())
            self._kept[key] = found
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


def _place(path: Path) -> Path:
    return path.with_name(path.name + index.SUFFIX)


def _texts(tails: Mapping[int, bytes]) -> dict[int, str]:
    return {stream: tail.hex() for stream, tail in tails.items()}


def _bytes(told: Mapping[str, str]) -> dict[int, bytes]:
    return {int(stream): bytes.fromhex(told[stream]) for stream in told}


def _may_hold(data: bytes, wanted: bytes, *, folds: bool) -> bool:
    """Whether a block has to be looked at line by line: what is drawn over or coloured does not lie there as shown."""
    return b"\x1b" in data or b"\r" in data or not folds or wanted in data.lower()
