"""What people say of answers, as rows to train on: preferences and labels, each with the answer that it is of."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.server.openai.refused import Refused
from whet.server.openai.wire import Feedback
from whet.track.script.plain import to_json

PREFERENCES, LABELS = "preferences.jsonl", "labels.jsonl"
Row = dict[str, Any]


class FeedbackFiles:
    """Files of rows in a folder, which is the server's alone to write (mode 600). Any thread may add to them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, kind: str, row: Row) -> None:
        """Append a row, whole or not at all. Raises OSError where the disk does not take it."""
        line = to_json(row) + b"\n"
        with self._lock:
            file = os.open(self.folder / kind, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            try:
                _append(file, line)
            finally:
                os.close(file)


def _append(file: int, line: bytes) -> None:
    """Write all of it; of a line that the disk takes a part of, nothing stays."""
    begin, left = os.fstat(file).st_size, memoryview(line)
    try:
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(file, begin)
        raise


def row_of(body: Feedback, kept: Mapping[str, Any], other: Mapping[str, Any] | None, key: str) -> tuple[str, Row]:
    """The file that feedback goes to, and its row: `kept` is the stored chat, `other` the one that it is better than.

    Raises Refused for an answer that is not there, and for two answers to different questions.
    """
    said = _reply(kept, body.index, "index")
    source = {
        "id": body.id, "index": body.index, "model": kept["completion"]["model"], "made": kept["completion"]["created"],
        "key": key, "told": int(time.time()), "comment": body.comment,
    }  # fmt: skip
    names_other = body.better_than is not None or body.better_than_index != body.index
    if body.label is None and body.correction is None and not names_other:
        unsaid = "nothing is said of the answer: give `label`, `correction`, or `better_than` or `better_than_index`"
        raise Refused(unsaid, param="label", code="missing_required_parameter")
    if body.label is not None:
        return LABELS, {"messages": [*kept["messages"], said], "label": body.label, "source": source}
    if body.correction is not None:
        better, worse = {"role": "assistant", "content": body.correction}, said
    else:
        assert other is not None
        if list(other["messages"]) != list(kept["messages"]):
            said_so = "the two answers are to different messages, so neither is better"
            raise Refused(said_so, param="better_than", code="invalid_value")
        better, worse = said, _reply(other, body.better_than_index, "better_than_index")
        source |= {"better_than": body.better_than or body.id, "better_than_index": body.better_than_index}
    if better == worse:
        raise Refused("an answer is not better than the same one", param="better_than", code="invalid_value")
    return PREFERENCES, {"prompt": kept["messages"], "chosen": [better], "rejected": [worse], "source": source}


def _reply(kept: Mapping[str, Any], index: int, param: str) -> Row:
    choices: Sequence[Any] = kept["completion"]["choices"]
    if index >= len(choices):
        raise Refused(f"there are {len(choices)} answers, and no number {index}", param=param, code="invalid_value")
    message = choices[index]["message"]
    calls = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
    return {"role": "assistant", "content": message["content"] or "", **calls}
