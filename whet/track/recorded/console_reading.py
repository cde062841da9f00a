"""Read what a run has printed: pieces as bytes with their time and step, or lines as a terminal would show them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from whet.track.logs import frames
from whet.track.reading.store import LOGS
from whet.track.recorded.record_file import frames_of, record_files

# Colours, moves of the cursor, titles of windows: ECMA-48 5.4 and xterm's.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


@dataclass(frozen=True, slots=True)
class Printed:
    """A piece of the console: when (Unix time), at which step, by which rank and attempt, on which stream."""

    time: float
    step: int
    rank: str
    attempt: int
    stream: str
    data: bytes


def console(folder: Path, rank: int | None = None) -> Iterator[Printed]:
    """All that the ranks of a run have printed (or one of them), in the order of time."""
    files = record_files(Path(folder) / LOGS, frames.CONSOLE_FILE)
    wanted = files if rank is None else {name: files.get(name, []) for name in [frames.rank_writer(rank)]}
    pieces = [one for name, paths in wanted.items() for path in paths for one in _pieces(path, name)]
    yield from sorted(pieces, key=lambda one: one.time)


def ranks(folder: Path) -> list[int]:
    """Those of whose console something is kept."""
    found = record_files(Path(folder) / LOGS, frames.CONSOLE_FILE)
    return sorted(rank for name in found if (rank := frames.rank_of(name)) is not None)


def lines(pieces: Iterable[Printed], step: int | None = None) -> list[tuple[Printed, str]]:
    """Whole lines, each with the piece that ended it: what was drawn over is gone, escapes too.

    Of one `step`, what was printed since the step before it was done.
    """
    found: list[tuple[Printed, str]] = []
    open_lines: dict[tuple[str, int, str], str] = {}
    for one in pieces:
        key = one.rank, one.attempt, one.stream
        text = open_lines.get(key, "") + one.data.decode("utf-8", "replace")
        *whole, open_lines[key] = text.split("\n")
        found += [(one, _shown(line)) for line in whole]
        last = one
    if open_lines:
        found += [(last, _shown(rest)) for rest in open_lines.values() if _shown(rest)]
    return found if step is None else [pair for pair in found if pair[0].step == step]


def _pieces(path: Path, rank: str) -> Iterator[Printed]:
    writer = frames.parse_name(path, frames.CONSOLE_FILE)
    try:
        for moment, step, type, stream, body in frames_of(path):
            if type == frames.TEXT and writer is not None:
                yield Printed(moment, step, rank, writer.attempt, "stderr" if stream == 2 else "stdout", body)
    except OSError:  # gone, forbidden, on a disk that fails
        return


def _shown(line: str) -> str:
    """What a terminal shows of a line in the end: its last form, without colours and other control characters."""
    forms = [part for part in _ESCAPES.sub("", line).split("\r") if part]
    last = forms[-1] if forms else ""
    return "".join(letter if letter.isprintable() else "\t" if letter == "\t" else " " for letter in last).rstrip()
