"""The binary form of a run's logs, shared by the writer and the reader.

A log is MAGIC and then frames. A frame is a head (u32 length of the payload, u32 crc32 of all that
follows it, u8 type, u16 schema id) and a payload, which starts with a stamp (f64 Unix time, i64 step):

| type | schema id | payload after the stamp |
|---|---|---|
| START | 0 | JSON object: who writes |
| SCHEMA | the id it defines, until it is defined anew | JSON list of names |
| SCALARS | which names | one f64 a name |
| EVENT | 0 | JSON list of kind and payload |
| END | 0 | JSON object: outcome, reason, dropped |

All numbers are little-endian. A reader skips types it does not know.
"""

from __future__ import annotations

import re
import struct
import zlib
from pathlib import Path

MAGIC = b"whetlog1"
HEAD = struct.Struct("<IIBH")
STAMP = struct.Struct("<dq")
START, SCHEMA, SCALARS, EVENT, END = 1, 2, 3, 4, 5
MAX_SCHEMAS = 1 << 16

_CHECK = struct.Struct("<II")
_LABEL = struct.Struct("<BH")
_NAME = re.compile(r"r(\d+)\.a(\d+)\.tlog")


def label(type: int, schema: int) -> tuple[bytes, int]:
    """The part of a head that repeats in every frame of one type and schema, and its checksum."""
    data = _LABEL.pack(type, schema)
    return data, zlib.crc32(data)


def seal(labelled: tuple[bytes, int], payload: bytes) -> bytes:
    """A whole frame."""
    data, check = labelled
    return _CHECK.pack(len(payload), zlib.crc32(payload, check)) + data + payload


def frame(type: int, schema: int, time: float, step: int, body: bytes) -> bytes:
    """A whole frame of a type that is written rarely."""
    return seal(label(type, schema), STAMP.pack(time, step) + body)


def log_name(rank: int, attempt: int) -> str:
    """The file name of one rank's log of one attempt."""
    return f"r{rank}.a{attempt}.tlog"


def parse_name(path: Path) -> tuple[int, int] | None:
    """The rank and attempt in a log's file name, or None if it is no log."""
    match = _NAME.fullmatch(path.name)
    return (int(match[1]), int(match[2])) if match else None
