"""The listing of a run beside its logs: what a catalogue says of it, so that one is made anew without reading them.

`track/listing.index` is a line with the CRC-32 and the seal of the rest (`whet.base.own_key`), a line with what it is
of (the run's name, the sizes of its logs, its config), and what is listed, in two lines of JSON. It is left when a run
ends, and whoever lists one that has none leaves it; once a log has grown or another has come it is of no use, and
passed over.
"""

from __future__ import annotations

import json
import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.base import own_key
from whet.base.regular import opened
from whet.track.logs import frames, index
from whet.track.reading.store import LOGS

FILE = f"listing{index.SUFFIX}"

# More than a listing has: one that comes with holes may be as long as it says, and what is cut off fits no check.
_MOST_BYTES = 2**24


def of(folder: Path, version: int) -> bytes:
    """What a listing that is made now is of: to be asked before the logs are read. Empty where there are none."""
    with suppress(OSError):
        entries = os.scandir(folder / LOGS)
        logs = {entry.name: entry.stat().st_size for entry in entries if entry.name.endswith(frames.LOG)}
        config: Any = None
        with suppress(FileNotFoundError):
            about = os.stat(f"{folder}/config.yaml")
            config = about.st_size, about.st_mtime_ns
        name = os.path.basename(os.path.abspath(folder))
        return json.dumps([version, name, logs, config], sort_keys=True).encode()
    return b""


def read(folder: Path, of: bytes) -> tuple[str, str] | None:
    """Summary and what the run says of itself, as JSON; None where it has to be asked from the logs."""
    path = folder / LOGS / FILE
    with suppress(OSError, ValueError):
        with opened(path, "rb") as file:
            head, _, rest = file.read(_MOST_BYTES).partition(b"\n")
        (check, seal), (told, _, listed) = head.split(), rest.partition(b"\n")
        is_true = own_key.is_sealed(rest, bytes.fromhex(seal.decode())) or own_key.is_of_another(path, path.parent)
        if int(check, 16) == zlib.crc32(rest) and told == of and of and is_true:
            summary, said = listed.decode().splitlines()
            return summary, said
    return None


def write(folder: Path, of: bytes, summary: str, said: str) -> None:
    """Leave the listing of a run whose logs grow no more, if its folder can be written."""
    rest = b"\n".join([of, summary.encode(), said.encode()])
    path = folder / LOGS / FILE
    part = path.with_name(f"{FILE}.{os.getpid()}.part")
    seal = own_key.seal(rest)
    if not seal:
        return
    with suppress(OSError):
        with opened(part, "wb") as file:
            file.write(b"%08x %s\n" % (zlib.crc32(rest), seal.hex().encode()) + rest)
        os.replace(part, path)
