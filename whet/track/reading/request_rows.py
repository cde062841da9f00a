"""Recorded requests as rows: conversations to train on, preferences and labels where people said something, or all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from whet.base.errors import RunError
from whet.track.reading.request_table import RequestTable
from whet.track.reading.requests import Row, messages_of
from whet.track.reading.spans import Span
from whet.track.script.plain import plain, to_json

Form = Literal["chat", "preferences", "labels", "requests"]
FORMS: tuple[Form, ...] = ("chat", "preferences", "labels", "requests")
ENDINGS = (".jsonl", ".parquet")
_AT_ONCE = 512
_SAID = "whet.feedback."
_INPUT, _OUTPUT = "gen_ai.input.messages", "gen_ai.output.messages"


@dataclass(slots=True)
class Written:
    """How many rows there are, and how many requests gave none, by the reason."""

    num: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """In one line."""
        left_out = (f"{num:,} requests without one: {why}" for why, num in self.left_out.items())
        return "; ".join([f"{self.num:,} rows", *left_out])


def write_rows(table: RequestTable, numbers: np.ndarray, form: Form, output: Path) -> Written:
    """Write the rows of some requests. The file is whole or not there. Raises RunError where it cannot be written."""
    if output.suffix not in ENDINGS:
        said = f"`{output.name}` does not say in which form"
        raise RunError(said, at="--output", hint=f"--output {output.with_suffix('.jsonl')}")
    written, part = Written(), output.with_name(f"{output.name}.part")
    try:
        (_jsonl if output.suffix == ".jsonl" else _parquet)(rows_of(table, numbers, form, written), part)
        part.replace(output)
    except OSError as error:
        said = f"cannot be written: {error.strerror}"
        raise RunError(said, at=str(output), hint=f"--output ~/{output.name}") from None
    finally:
        part.unlink(missing_ok=True)
    return written


def rows_of(table: RequestTable, numbers: np.ndarray, form: Form, written: Written) -> Iterator[Row]:
    """Rows of a form, in the order of the requests; `written` counts them as they are taken."""
    for row in _ROWS[form](table, numbers, written):
        written.num += 1
        yield row


def conversation(span: Span) -> tuple[list[Row], list[Row]]:
    """What was asked and each answer to it, as chats have messages; both empty where no text is kept."""
    asked, answered = (_messages(span.attributes.get(name)) for name in (_INPUT, _OUTPUT))
    return asked, answered


def _chat(table: RequestTable, numbers: np.ndarray, written: Written) -> Iterator[Row]:
    for row, span in _recorded(table, numbers):
        asked, answered = conversation(span)
        if why := _lacking(row, asked, answered):
            written.left_out[why] += 1
            continue
        tools = span.attributes.get("gen_ai.tool.definitions")
        for number, answer in enumerate(answered):
            told = {"tools": tools} if tools else {}
            yield {"messages": [*asked, answer], **told, "source": {**_source(table, row), "index": number}}


def _preferences(table: RequestTable, numbers: np.ndarray, written: Written) -> Iterator[Row]:
    every = _by_answer(table)
    for row, span, said in _said(table, numbers, written, lambda about: bool(about.get(f"{_SAID}better"))):
        asked, answered = conversation(span)
        ours = _at(answered, said.get(f"{_SAID}index"))
        correction, other = said.get(f"{_SAID}correction"), said.get(f"{_SAID}better_than")
        chosen: Row | None
        if isinstance(correction, str):
            chosen, rejected = {"role": "assistant", "content": correction}, ours
        else:
            number = every.get(str(other)) if other else None
            theirs = table.firsts([number])[0] if number is not None else span if other is None else None
            answers = conversation(theirs)[1] if theirs is not None else []
            chosen, rejected = ours, _at(answers, said.get(f"{_SAID}better_than_index"))
        if chosen is None or rejected is None or not asked:
            written.left_out["the text of one of the two answers was not kept"] += 1
            continue
        yield {"prompt": asked, "chosen": [chosen], "rejected": [rejected], "source": _source(table, row, said)}


def _labels(table: RequestTable, numbers: np.ndarray, written: Written) -> Iterator[Row]:
    for row, span, said in _said(table, numbers, written, lambda about: f"{_SAID}label" in about):
        asked, answered = conversation(span)
        answer = _at(answered, said.get(f"{_SAID}index"))
        if answer is None or not asked:
            written.left_out["no text was kept"] += 1
            continue
        label = bool(said[f"{_SAID}label"])
        yield {"messages": [*asked, answer], "label": label, "source": _source(table, row, said)}


def _requests(table: RequestTable, numbers: np.ndarray, written: Written) -> Iterator[Row]:
    for row, span in _recorded(table, numbers):
        asked, answered = conversation(span)
        told = {name: value for name, value in row.items() if name not in ("asked", "answered")}
        yield {**told, "messages": asked, "answers": answered}


_ROWS: dict[Form, Callable[[RequestTable, np.ndarray, Written], Iterator[Row]]] = {
    "chat": _chat, "preferences": _preferences, "labels": _labels, "requests": _requests,
}  # fmt: skip


def _recorded(table: RequestTable, numbers: np.ndarray) -> Iterator[tuple[Row, Span]]:
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        yield from zip(table.rows(some), table.firsts(some), strict=True)


def _said(
    table: RequestTable, numbers: np.ndarray, written: Written, wanted: Callable[[Mapping[str, Any]], bool]
) -> Iterator[tuple[Row, Span, Mapping[str, Any]]]:
    """Requests of which something was said that is wanted, once for each time."""
    told = table.feedback()
    for row, span in _recorded(table, numbers):
        found = table.said_of(row["answer_id"]) if row["answer_id"] in told else []
        wished = [one.attributes for one in found if wanted(one.attributes)]
        if not wished:
            written.left_out["nobody said that of it"] += 1
        for about in wished:
            yield row, span, about


def _by_answer(table: RequestTable) -> dict[str, int]:
    return {id: number for number, id in enumerate(table.column("answer_id")) if id}


def _lacking(row: Row, asked: Sequence[Row], answered: Sequence[Row]) -> str:
    if row["status"] == "error":
        return "it failed"
    return "" if asked and answered else "no text was kept"


def _source(table: RequestTable, row: Row, said: Mapping[str, Any] | None = None) -> Row:
    """Where a row comes from: the run, the trace, the model, and who said what when."""
    names = ("time", "model", "adapter", "version", "answer_id")
    told = {name.removeprefix(_SAID): said.get(name) for name in _TOLD} if said is not None else {}
    run = table.folder.parent.resolve().name
    return {"run": run, "trace": row["id"], **{name: row[name] for name in names}, "scores": row["scores"], **told}


_TOLD = tuple(f"{_SAID}{name}" for name in ("key", "told", "comment"))


def _messages(text: Any) -> list[Row]:
    """Messages of chats out of those of the conventions."""
    return [_message(one) for one in messages_of(text)]


def _message(given: Mapping[str, Any]) -> Row:
    parts = given.get("parts")
    parts = [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    role = str(given.get("role"))
    for part in parts:
        if part.get("type") == "tool_call_response":
            return {"role": "tool", "tool_call_id": part.get("id"), "content": _as_text(part.get("response"))}
    texts = [_as_text(part.get("content")) for part in parts if part.get("type") == "text"]
    calls = [
        {"id": part.get("id"), "type": "function",
         "function": {"name": str(part.get("name")), "arguments": _as_text(part.get("arguments"))}}
        for part in parts if part.get("type") == "tool_call"
    ]  # fmt: skip
    return {"role": role, "content": "\n".join(texts), **({"tool_calls": calls} if calls else {})}


def _as_text(value: Any) -> str:
    """Half a surrogate pair, as who asks may send it, is no text in any file."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text.encode(errors="replace").decode()


def _at(answers: Sequence[Row], index: Any) -> Row | None:
    place = int(index) if isinstance(index, int | float) else 0
    return answers[place] if 0 <= place < len(answers) else None


def _jsonl(rows: Iterator[Row], path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(to_json(row) + b"\n" for row in rows)


def _parquet(rows: Iterator[Row], path: Path) -> None:
    """The types are those of all rows together, which therefore lie in memory."""
    import pyarrow as pa
    from pyarrow import parquet

    every = [plain(row) for row in rows]
    for row in every:  # an object whose names differ from row to row, or are none, is no type
        for holder in (row, row.get("source") or {}):
            if "scores" in holder:
                holder["scores"] = json.dumps(holder["scores"])
    parquet.write_table(pa.Table.from_pylist(every), path)
