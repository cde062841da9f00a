"""Which logs a process opened, told to whoever launched it: lines of a file that the variable WHET_LAUNCHER names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

VARIABLE = "WHET_LAUNCHER"


def announce(log: Path) -> None:
    """Tell the launcher of this process, if it has one, which log was opened."""
    notes = os.environ.get(VARIABLE)
    if notes:
        with suppress(OSError), open(notes, "ab", buffering=0) as file:
            file.write(json.dumps(str(log.resolve())).encode() + b"\n")


def opened(notes: Path) -> Iterator[Path]:
    """The logs that were announced; a torn last line is passed over."""
    if notes.is_file():
        for line in notes.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                yield Path(json.loads(line))
