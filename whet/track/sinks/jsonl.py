"""The sink `jsonl`: one JSON object a record, for `jq`, pandas and whatever else reads lines."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from whet.base.catalogue import sink
from whet.base.errors import RunError
from whet.base.regular import opened
from whet.base.settings import Output
from whet.track.records import Record, content
from whet.track.script.plain import to_json


@sink("jsonl")
def jsonl(folder: Path, rank: int, *, path: Output = "records.jsonl") -> JsonlSink:
    """One JSON object a record, appended to a file; later ranks put `.r<rank>` before its ending.

    path: the file, relative to the run folder
    """
    file = folder / path
    return JsonlSink(file.with_suffix(f".r{rank}{file.suffix}") if rank else file)


class JsonlSink:
    """Appends lines such as `{"kind": "step", "step": 7, "time": ..., "metrics": {...}}`.

    JSON knows no NaN and infinities: they are the strings "NaN", "Infinity", "-Infinity".
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = opened(path, "ab", buffering=0)
        except OSError as error:
            raise RunError(
                f"cannot write records: {error.strerror}",
                at=str(path),
                hint="a `path` of the sink that can be written to",
            ) from error

    def receive(self, record: Record) -> None:
        if self._file.closed:
            return
        line = {"kind": record.kind, "step": record.step, "time": time.time(), **content(record)}
        try:
            self._file.write(to_json(line) + b"\n")
        except OSError as error:  # such as a full disk: this file ends here, training goes on
            print(f"whet: {self._file.name} ends at step {record.step}: {error.strerror}", file=sys.stderr)
            self._file.close()

    def close(self) -> None:
        self._file.close()
