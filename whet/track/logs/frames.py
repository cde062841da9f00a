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

Records beside the log (`whet.track.recorded`) are files of the same frames, under other endings:

| type | in | schema id | payload after the stamp |
|---|---|---|---|
| COLUMNS | `.rows` | the id it defines | JSON list of name and numpy type of each column |
| SOURCES | `.rows` | the first number that it names | JSON list of names of sources |
| ROWS | `.rows` | which columns | f64 epoch, then the columns one after the other |
| TOKENS | `.rows` | 0 | u32 length of a JSON object, that object, u32 ids, u32 places, u32 targets, f32 losses |
| TEXT | `.console` | 1 stdout, 2 stderr | what was written, in UTF-8 |

A `.held` file says in the same way which rows were measured, and not learned from.

All numbers are little-endian. A reader skips types it does not know. The last letter of MAGIC is the format: heads and
stamps stay what they are in all of them, so that an older reader finds what it knows.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from whet.base.errors import RunError

MAGIC = b"whetlog1"
FORMAT = 1
HEAD = struct.Struct("<IIBH")
STAMP = struct.Struct("<dq")
START, SCHEMA, SCALARS, EVENT, END = 1, 2, 3, 4, 5
COLUMNS, SOURCES, ROWS, TOKENS, TEXT = 6, 7, 8, 9, 10
LOG, ROWS_FILE, HELD_OUT_FILE, CONSOLE_FILE = ".tlog", ".rows", ".held", ".console"
MAX_SCHEMAS = 1 << 16

_CHECK = struct.Struct("<II")
_LABEL = struct.Struct("<BH")
_FILE = re.compile(r"([a-z][a-z0-9-]*)\.a(\d+)(\.[a-z]+)")
_RANK = re.compile(r"r(\d+)")
# Who evaluated a run after it wrote under this rank, before writers had names.
_EVALUATION_RANK = 1_000_000

RANK_0 = "r0"
EVALUATION = "evaluation"


def label(type: int, schema: int) -> tuple[bytes, int]:
    """The part of a head that repeats in every frame of one type and schema, and its checksum."""
    data = _LABEL.pack(type, schema)
    return data, zlib.crc32(data)


def seal(labelled: tuple[bytes, int], payload: bytes) -> bytes:
    """A whole frame."""
    data, check = labelled
    return _CHECK.pack(len(payload), zlib.crc32(payload, check)) + data + payload


def rows(schema: int, num_values: int) -> Callable[[float, int, tuple[float, ...]], bytes]:
    """What makes whole SCALARS frames of a schema from time, step and so many values: the way of every call."""
    pack, crc32 = struct.Struct(f"{_LABEL.format}{STAMP.format[1:]}{num_values}d").pack, zlib.crc32
    length = (STAMP.size + 8 * num_values).to_bytes(4, "little")

    def row(time: float, step: int, values: tuple[float, ...]) -> bytes:
        labelled = pack(SCALARS, schema, time, step, *values)
        return length + crc32(labelled).to_bytes(4, "little") + labelled

    return row


def frame(type: int, schema: int, time: float, step: int, body: bytes) -> bytes:
    """A whole frame of a type that is written rarely."""
    return seal(label(type, schema), STAMP.pack(time, step) + body)


class Writer(NamedTuple):
    """Whose log a file is: a rank of the run (`r0`) or somebody beside it, by name, and its how manieth attempt."""

    name: str
    attempt: int

    @property
    def rank(self) -> int | None:
        """The rank of the run, or None of a writer that is none: an evaluation, a reward's worker, a sampler."""
        match = _RANK.fullmatch(self.name)
        return int(match[1]) if match else None


def format_of(data: bytes) -> int:
    """The format that the first bytes of a log name, or 0 if they are no log's."""
    start, number = data[: len(MAGIC) - 1], data[len(MAGIC) - 1 : len(MAGIC)]
    return int(number) if start == MAGIC[:-1] and number.isdigit() else 0


def parsed(payload: bytes) -> Any:
    """The JSON behind a payload's stamp, or None where it is none."""
    try:
        return json.loads(payload[STAMP.size :])
    except (ValueError, RecursionError):
        return None


def rank_writer(rank: int) -> str:
    """The name of the writer that is a rank of the run."""
    return f"r{rank}"


def rank_of(writer: str) -> int | None:
    """The rank that is the writer of this name; None for one that is no rank."""
    found = _RANK.fullmatch(writer)
    return int(found[1]) if found else None


def log_name(writer: str, attempt: int, suffix: str = LOG) -> str:
    """The file name of one writer's log of one attempt. Raises RunError for a name that could leave the folder."""
    name = f"{writer}.a{attempt}{suffix}"
    if not _FILE.fullmatch(name):
        raise RunError(f"{writer!a} cannot name a writer", hint="small letters, digits and `-`, such as `reward-3`")
    return name


def parse_name(path: Path, suffix: str = LOG) -> Writer | None:
    """The writer in the file name of a log, or of a record with another ending; None if it is none."""
    match = _FILE.fullmatch(path.name)
    if match is None or match[3] != suffix:
        return None
    name = EVALUATION if match[1] == rank_writer(_EVALUATION_RANK) else match[1]
    return Writer(name, int(match[2]))
