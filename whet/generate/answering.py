"""A teacher's answers as rows: what a student is fine-tuned on when it learns from sequences (Kim and Rush 2016)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from whet.base.documents import field, read_object
from whet.base.errors import DataError, RunError
from whet.base.seeds import derive
from whet.contracts.rows import Completion as Continuation
from whet.contracts.rows import Conversation, Row
from whet.data.refusal import Refused, refusal
from whet.data.rows.detect import parse_rows
from whet.data.sources.files import Source
from whet.data.store.ledger import Entry, Ledger
from whet.generate.protocol import Completion, Engine, GenerateSettings, Prompt

TAKES = frozenset({"conversation", "completion"})
# Prompts that are answered between two looks at the disk. Part of what decides the draws.
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A row's prompt, and the row without its answer."""

    source: str
    number: int
    prompt: Prompt
    row: dict[str, Any]

    def answered(self, text: str) -> dict[str, Any]:
        if "messages" not in self.row:
            return {**self.row, "completion": text}
        return {**self.row, "messages": [*self.row["messages"], {"role": "assistant", "content": text}]}


def write_answers(
    engine: Engine,
    sources: Sequence[Source],
    output: Path,
    settings: GenerateSettings,
    report: Callable[[int], None] = lambda count: None,
) -> Ledger:
    """Answer the prompt of every row and write rows to fine-tune on, in order; gives what was left out, and why.

    A conversation is answered in the place of its last reply. An answer that was cut is left out, because it would
    teach never to stop. What was left out is listed in `OUTPUT.ledger.jsonl`. An attempt that was stopped is gone on
    with, to the same answers. Raises DataError for raw text, which asks nothing, and where no answer is left.
    """
    ledger, prompts = Ledger(), _prompts(sources)
    place = _Place.of(output, settings)
    ledger.write(output.with_suffix(".ledger.jsonl"))
    count = 0
    with output.open("r+" if output.exists() else "w", encoding="utf-8") as file:
        file.truncate(place.num_bytes)
        file.seek(place.num_bytes)
        for number, chunk in enumerate(iter(lambda: list(islice(prompts, CHUNK)), [])):
            count += len(chunk)
            for source in {asked.source for asked in chunk}:
                ledger.read(source, sum(asked.source == source for asked in chunk))
            if number >= place.num_chunks:
                seeded = replace(settings, seed=derive(settings.seed, "answers", number))
                file.writelines(_answers(engine, chunk, seeded, ledger))
                file.flush()
                place.move(number + 1, file.tell())
            report(count)
    if not output.stat().st_size:
        for left in (place.file, output):  # an empty file would only be in the way of another try
            left.unlink(missing_ok=True)
        raise DataError(f"no answer is left: {ledger.summary()}", at=str(output), hint="--max-new-tokens 1024")
    place.file.unlink(missing_ok=True)
    return ledger


class _Place:
    """How far an earlier attempt came, in a file beside the output that is removed at the end."""

    def __init__(self, file: Path, settings: GenerateSettings, num_chunks: int = 0, num_bytes: int = 0) -> None:
        self.file, self.num_chunks, self.num_bytes = file, num_chunks, num_bytes
        self._settings = json.loads(json.dumps(asdict(settings)))

    @classmethod
    def of(cls, output: Path, settings: GenerateSettings) -> _Place:
        """Raises RunError where the output is whole already, or was begun with other settings."""
        file = output.with_name(output.name + ".place")
        if not file.exists():
            if output.exists():
                raise RunError(f"{output} is there already", at=str(output), hint="another --output, or remove it")
            output.parent.mkdir(parents=True, exist_ok=True)
            return cls(file, settings)
        hint = f"rm {file} {output}, which begins again"
        stored = read_object(file, error=RunError, hint=hint)
        chunks, num_bytes = (
            field(stored, n, int, at=str(file), error=RunError, hint=hint) for n in ("chunks", "bytes")
        )
        field(stored, "settings", dict, at=str(file), error=RunError, hint=hint)
        has = output.stat().st_size if output.is_file() else -1
        if not 0 <= num_bytes <= has or chunks < 0:
            raise RunError(
                f"an earlier attempt wrote {num_bytes:,} bytes, and {output.name} does not hold them", at=str(output),
                hint=hint,
            )  # fmt: skip
        place = cls(file, settings, chunks, num_bytes)
        if stored["settings"] != place._settings:
            raise RunError(
                f"{output} was begun with other settings: {stored['settings']}", at=str(output),
                hint=f"the same settings again, or rm {output} {file}",
            )  # fmt: skip
        return place

    def move(self, num_chunks: int, num_bytes: int) -> None:
        values = {"chunks": num_chunks, "bytes": num_bytes, "settings": self._settings}
        part = self.file.with_name(f"{self.file.name}.part")
        part.write_text(json.dumps(values))
        part.replace(self.file)


def _answers(engine: Engine, chunk: Sequence[Asked], settings: GenerateSettings, ledger: Ledger) -> Iterator[str]:
    """Lines of rows with answers; what is no whole answer goes to the ledger."""
    answers: list[Completion] = engine.complete([asked.prompt for asked in chunk], settings)
    for asked, answer in zip(chunk, answers, strict=True):
        if answer.finish == "length":
            detail = f"the answer was cut after {len(answer.tokens):,} tokens"
            ledger.add(Entry(asked.source, asked.number, "skipped", "unfinished", detail))
        elif not answer.text.strip():
            ledger.add(Entry(asked.source, asked.number, "skipped", "empty", "the answer is empty"))
        else:
            yield json.dumps(asked.answered(answer.text), ensure_ascii=False) + "\n"


def _prompts(sources: Sequence[Source]) -> Iterator[Asked]:
    for source in sources:
        for number, row in parse_rows(source):
            if isinstance(row, Refused):
                raise DataError(row.detail, at=f"{source.name} row {number}", hint=row.hint)
            yield _asked(source.name, number, row)


def _asked(source: str, number: int, row: Row) -> Asked:
    if isinstance(row, Continuation):
        return Asked(source, number, row.prompt, {"prompt": row.prompt})
    if not isinstance(row, Conversation):
        raise refusal(row.kind, TAKES, at=f"{source} row {number}")
    messages = [dict(message) for message in row.messages]
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=len(messages))
    context = messages[:last]
    if not context:
        raise DataError("the conversation asks nothing", at=f"{source} row {number}", hint="a message of the user")
    tools = {"tools": list(row.tools)} if row.tools else {}
    return Asked(source, number, context, {"messages": context, **tools})
