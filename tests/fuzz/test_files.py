"""Files, damaged: whatever bytes a data file holds, its rows are read or it is refused by name."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import ipc, parquet

from tests.fuzz.test_rows import at_most
from whet.base.errors import WhetError
from whet.data.inspect import inspect
from whet.data.refusal import Refused
from whet.data.render.renderer import Rendered
from whet.data.sources.files import Source, count_rows, fingerprint

ROWS = [
    {"prompt": f"question {n} \u4e8c", "completion": 'say "x"\n, é', "meta": {"n": n} if n % 2 else {}}
    for n in range(9)
]
PLAIN = [{"prompt": row["prompt"], "completion": row["completion"]} for row in ROWS]


def _table(form: str) -> bytes:
    sink, table = io.BytesIO(), pyarrow.Table.from_pylist(ROWS)
    if form == "parquet":
        parquet.write_table(table, sink)
    else:
        with ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def _csv() -> bytes:
    import csv

    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(PLAIN[0]))
    writer.writeheader()
    writer.writerows(PLAIN)
    return sink.getvalue().encode()


def _zstd(data: bytes) -> bytes:
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
FILES: dict[str, bytes] = {
    "a.jsonl": LINES,
    "a.json": json.dumps(ROWS, indent=1).encode(),
    "a.csv": _csv(),
    "a.tsv": _csv().replace(b",", b"\t"),
    "a.txt": b"some prose\n\nand more\n",
    "a": b"some prose without an ending",
    "a.parquet": _table("parquet"),
    "a.arrow": _table("arrow"),
    "a.jsonl.gz": gzip.compress(LINES),
    "a.jsonl.bz2": bz2.compress(LINES),
    "a.jsonl.xz": lzma.compress(LINES),
    "a.jsonl.zst": _zstd(LINES),
    "a.csv.gz": gzip.compress(_csv()),
}
INSERTED = (
    b"\0", b"\r", b"\n", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"{", b"[" * 5000, b"1" * 5000, b",", b"\\ud800", b"NaN",
    b'{"a": 1, "a": 2}\n', b"null", b"\x1f\x8b", b"PAR1", b"\t", b"\xe4\xba", b"PK\x03\x04",
)  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes after one to three accidents: cut, flipped, overwritten, doubled, encoded otherwise."""
    for _ in range(chance.randint(1, 3)):
        at, size = chance.randrange(len(data) + 1), chance.randrange(1, 40)
        accident = chance.randrange(8)
        if accident == 0:
            data = data[:at]
        elif accident == 1 and at < len(data):
            data = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        elif accident == 2:
            data = data[:at] + chance.choice(INSERTED) + data[at:]
        elif accident == 3:
            data = data[:at] + data[at + size :]
        elif accident == 4:
            data = data[:at] + chance.randbytes(size) + data[at + size :]
        elif accident == 5:
            data = data[:at] + data[max(0, at - size) :]
        elif accident == 6:
            data = chance.choice(INSERTED) + data
        else:
            data = data.decode("utf-8", "replace").encode(
                chance.choice(["utf-16", "utf-16-le", "gb18030", "cp1252"]), "replace"
            )
    return data


class _Counts:
    """Stands where a renderer would: what files give is looked at here, what rows give by the fuzzer of rows."""

    def render(self, rows: Any, *, roles: bool = False) -> list[Rendered | Refused]:
        return [Refused("unrendered", "") for _ in rows]

    def token_texts(self, ids: Any) -> list[str]:
        return []


@pytest.mark.case("D")
@pytest.mark.parametrize("name", FILES)
def test_damaged_files_are_read_or_refused_by_name(name: str, tries: Callable[[int, int], int], tmp_path: Path):
    chance, refused, path = random.Random(f"files {name}"), 0, tmp_path / name
    path.write_bytes(FILES[name])
    assert inspect(Source.parse(name, tmp_path), _Counts()).num_rows in (1, len(ROWS))
    for number in range(tries(40, 2000)):
        content = damaged(FILES[name], chance)
        path.write_bytes(content)
        entry = {"path": name, "lines": True} if name in ("a", "a.txt") and chance.random() < 0.5 else {"path": name}
        try:
            with at_most(20):
                source = Source.parse(entry, tmp_path)
                fingerprint(source)
                inspect(source, _Counts())
                assert count_rows(source) >= 0
        except WhetError as error:
            refused += 1
            assert error.hint and name in str(error), f"try {number}: {error}"
            str(error).encode()
        except Exception as error:
            raise AssertionError(f"try {number} of {name}: {content[:300]!r}") from error
    assert refused
