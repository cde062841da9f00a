"""Prompts: rows of any kind as what a model is asked, with their columns beside it for the rewards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whet.base.errors import INSPECT, DataError
from whet.contracts.rows import Completion, Conversation, Labelled, Preference, Prompt, Row
from whet.contracts.sample import Origin, Sample
from whet.data.order.epochs import Span
from whet.data.refusal import Refused, refusal
from whet.data.rows.detect import Detector
from whet.data.sources.files import Source, about_files, read_rows
from whet.data.store.ledger import Entry, Ledger

_NOTHING = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt and where it came from; `ids` are its tokens, once it is rendered."""

    prompt: Prompt
    origin: Origin
    ids: tuple[int, ...] = ()


class Prompts:
    """Prompts by number, in the order of their sources (contract: `whet.data.order.dataset.Dataset`).

    They stay in memory: about 2 kB each. As samples they are their tokens, of which none is trained.
    """

    def __init__(self, asked: Sequence[Asked], sources: Sequence[Source]) -> None:
        self._asked = asked
        counts = [sum(a.origin.source == source.name for a in asked) for source in sources]
        stops = np.cumsum(counts).tolist()
        self.spans = [
            Span(source.name, stop - count, stop, source.weight)
            for source, stop, count in zip(sources, stops, counts, strict=True)
        ]
        self.lengths = np.ones(len(asked), np.int32)
        self.trained = np.ones(len(asked), np.int32)
        self.rows = np.array([a.origin.row for a in asked])
        digest = hashlib.sha256(repr([(source.name, source.weight) for source in sources]).encode())
        for a in asked:
            digest.update(repr((a.ids, a.origin)).encode())
        self.hash = digest.hexdigest()[:32]

    def __len__(self) -> int:
        return len(self._asked)

    def __getitem__(self, index: int) -> Sample:
        asked = self._asked[index]
        return Sample(np.array(asked.ids, np.int32), _NOTHING, {"number": index}, asked.origin)

    def asked(self, index: int) -> Asked:
        return self._asked[index]

    @property
    def columns(self) -> frozenset[str]:
        """The columns that every prompt has."""
        return frozenset.intersection(*(frozenset(a.prompt.columns) for a in self._asked))


def read_prompts(
    sources: Sequence[Source], takes: frozenset[str], ledger: Ledger, *, seed: int, max_skipped: float
) -> list[Asked]:
    """The prompts of all sources; rows that have none are listed in `ledger`.

    Raises DataError for a kind of row that is not taken, when too many were skipped, or when nothing is left.
    """
    found: list[Asked] = []
    for source in sources:
        detector, num_rows = Detector(source.format), 0
        for number, raw in read_rows(source, seed=seed):
            num_rows += 1
            at = f"{source.name} row {number}"
            row = detector.parse(raw, at)
            if not isinstance(row, Refused) and row.kind not in takes:
                raise refusal(row.kind, takes, at=at)
            made = row if isinstance(row, Refused) else as_prompt(row, raw)
            if isinstance(made, Refused):
                ledger.add(Entry(source.name, number, "skipped", made.reason, made.detail))
            else:
                found.append(Asked(made, Origin(source.name, number)))
        ledger.read(source.name, num_rows)
        for note in filter(None, (about_files(source), *detector.notes)):
            ledger.note(source.name, note)
    ledger.check(max_skipped)
    if not found:
        raise DataError(
            f"no prompt is left to answer: {ledger.summary()}",
            hint=f"{INSPECT} shows why rows are skipped",
        )
    return found


def as_prompt(row: Row, raw: Mapping[str, Any]) -> Prompt | Refused:
    """What a row asks. Its columns are those of the file; `answer` is the row's own reply where no column is called so.

    A conversation asks what comes before its last reply, a preference what both replies answer.
    """
    if isinstance(row, Prompt):
        return replace(row, columns=_plain(raw))
    if isinstance(row, Completion):
        return Prompt(row.prompt, (), {"answer": row.completion, **_plain(raw)})
    if isinstance(row, Preference):
        return Prompt(_unweighted(row.prompt), row.tools, {"answer": _said(row.chosen), **_plain(raw)})
    if isinstance(row, Conversation | Labelled):
        return _of_conversation(row, raw)
    return Refused("no_prompt", f"a row of kind `{row.kind}` asks nothing")


def _of_conversation(row: Conversation | Labelled, raw: Mapping[str, Any]) -> Prompt | Refused:
    replies = [i for i, message in enumerate(row.messages) if message["role"] == "assistant"]
    ends_open = row.messages[-1]["role"] != "assistant"
    stop = len(row.messages) if ends_open or not replies else replies[-1]
    if not any(message["role"] != "system" for message in row.messages[:stop]):
        return Refused("no_prompt", "nothing comes before the reply")
    answer = {} if ends_open else {"answer": _said(row.messages[stop:])}
    return Prompt(_unweighted(row.messages[:stop]), row.tools, {**answer, **_plain(raw)})


def _said(messages: Sequence[Mapping[str, Any]]) -> str:
    return "".join(str(message.get("content") or "") for message in messages)


def _unweighted(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in message.items() if key != "weight"} for message in messages]


def _plain(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that have a value, which rewards may be handed in another process: plain JSON."""
    return {key: json.loads(json.dumps(value, default=str)) for key, value in raw.items() if value is not None}
