"""Scores of recorded requests: a sample of them graded by rewards, kept in the run with what judged and its cost."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from whet.base.errors import ConfigError
from whet.base.rewards import Rewards
from whet.contracts.rewards import Task
from whet.rewards.build import build_grader, required_columns
from whet.rewards.grading import PoolGrader
from whet.rewards.judging import Judge, Verdict
from whet.track.logs.event_log import EventLog
from whet.track.reading.query import Query
from whet.track.reading.request_rows import conversation
from whet.track.reading.request_table import RequestTable
from whet.track.reading.scores import SCORED, SCORING, WRITER

# Requests that are graded, and lie in memory, at once; what was graded is written then.
_AT_ONCE = 32
_VERDICT_CHARACTERS = 4000

Price = Callable[[int, int], float]  # of so many tokens of prompts and of answers


@dataclass(slots=True)
class Scored:
    """What came of it: requests scored, and those that were not, by the reason; means by the name of the score."""

    num: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    sums: dict[str, list[float]] = field(default_factory=dict)
    cost: float | None = None
    failures: dict[str, str] = field(default_factory=dict)

    def summary(self) -> str:
        """In one line."""
        means = ", ".join(f"{name} {total / num:.4g} (of {num:,.0f})" for name, (num, total) in self.sums.items())
        parts = [f"{self.num:,} requests scored" + (f": {means}" if means else "")]
        parts += [] if self.cost is None else [f"cost {self.cost:.4g}"]
        parts += [f"{num:,} {why}" for why, num in self.left_out.items()]
        return "; ".join([*parts, *(f"`{name}` failed: {why}" for name, why in self.failures.items())])


def score_requests(
    folder: Path, rewards: Rewards, query: Query, *, share: float = 1.0, most: int | None = None,
    price: Price | None = None, watch: Callable[[int, int], None] | None = None,
) -> Scored:  # fmt: skip
    """Grade requests that a filter takes and that have no score by the same names yet, the latest first.

    A `share` is drawn by the requests' ids, so that the same ones are drawn whenever it is asked again. Only answers
    whose text was kept can be graded. Raises ConfigError for rewards that need columns of data, which requests lack.
    """
    for column, name in required_columns(rewards).items():
        said = f"`{name}` compares with the column `{column}`, which a request does not have"
        raise ConfigError(said, at="--reward", hint="--reward judge url=http://127.0.0.1:8000/v1, length, regex")
    table, found = RequestTable(folder), Scored(cost=None if price is None else 0.0)
    grader = build_grader(rewards)
    try:
        numbers = _drawn(table, table.find(query), grader.names, share, found)[:most]
        if len(numbers):
            _graded(table, numbers, grader, rewards, {"filter": query.text, "share": share}, price, found, watch)
    finally:
        grader.close()
    return found


def _graded(
    table: RequestTable, numbers: Sequence[int], grader: PoolGrader, rewards: Rewards, asked: Mapping[str, Any],
    price: Price | None, found: Scored, watch: Callable[[int, int], None] | None,
) -> None:  # fmt: skip
    judges = {one.name: judge for one in grader.rewards if (judge := _judge(one.reward)) is not None}
    heard = _Heard()
    for judge in judges.values():
        judge.hear.append(heard.add)
    by = {
        name: {"kind": entry.reward.kind, **entry.reward.values()}  # type: ignore[attr-defined]
        for name, entry in zip(grader.names, rewards.functions, strict=True)
    }
    prompts = {name: judge.prompt for name, judge in judges.items()}
    log = EventLog(table.folder, WRITER)
    outcome = "stopped"
    try:
        told = {"time": time.time(), "rewards": by, "prompts": prompts, "price": price is not None, **asked}
        log.event(SCORING, 0, told)
        for start in range(0, len(numbers), _AT_ONCE):
            _chunk(table, numbers[start : start + _AT_ONCE], grader, heard, price, log, found)
            if watch is not None:
                watch(min(start + _AT_ONCE, len(numbers)), len(numbers))
        outcome = "done"
    finally:
        log.close(outcome, "")


def _chunk(
    table: RequestTable, numbers: Sequence[int], grader: PoolGrader, heard: _Heard, price: Price | None, log: EventLog,
    found: Scored,
) -> None:  # fmt: skip
    tasks, ids = [], []
    for id, span in zip(table.column("id", numbers), table.firsts(numbers), strict=True):
        prompt, answers = conversation(span)
        tasks.append(Task(prompt, [one["content"] for one in answers], {"trace": id}))
        ids.append(id)
    grading = grader.grade(tasks)
    found.failures.update(grading.examples)
    for id, grades in zip(ids, grading.grades, strict=True):
        scores = {name: _mean(values) for name, values in grades.scores.items()}
        verdicts = heard.taken(id)
        spent = [(sum(one.num_prompt for one in verdicts), sum(one.num_answer for one in verdicts))]
        cost = price(*spent[0]) if price is not None else None
        if found.cost is not None and cost is not None:
            found.cost += cost
        said = [one.text[:_VERDICT_CHARACTERS] for one in verdicts]
        tokens = {"prompt_tokens": spent[0][0], "answer_tokens": spent[0][1]} if verdicts else {}
        if all(value is None for value in scores.values()):
            found.left_out["got no score"] = found.left_out.get("got no score", 0) + 1
        else:
            found.num += 1
        for name, value in scores.items():
            if value is not None:
                sums = found.sums.setdefault(name, [0, 0.0])
                sums[0], sums[1] = sums[0] + 1, sums[1] + value
        log.event(SCORED, 0, {"trace": id, "scores": scores, "verdicts": said, **tokens, "cost": cost})


def _drawn(
    table: RequestTable, numbers: np.ndarray, names: Sequence[str], share: float, found: Scored
) -> list[int]:  # fmt: skip
    """Those that are drawn, can be graded, and have not been graded."""
    wanted, left = [], found.left_out
    columns = (table.column(name, numbers) for name in ("id", "status", "asked", "answered"))
    for number, id, status, asked, answered in zip(numbers.tolist(), *columns, strict=True):
        if share < 1 and int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], "big") >= share * 2**64:
            continue
        if all(name in table.scores.of(id) for name in names):
            why = "were scored before"
        elif status == "error":
            why = "failed and have no answer"
        elif not asked or not answered:
            why = "have no text (whet serve --record-text keeps it)"
        else:
            wanted.append(number)
            continue
        left[why] = left.get(why, 0) + 1
    return wanted


class _Heard:
    """Verdicts by the request that they are of."""

    def __init__(self) -> None:
        self._lock, self._of = threading.Lock(), dict[str, list[Verdict]]()

    def add(self, verdict: Verdict) -> None:
        with self._lock:
            self._of.setdefault(str(verdict.row.get("trace")), []).append(verdict)

    def taken(self, id: str) -> list[Verdict]:
        with self._lock:
            return self._of.pop(id, [])


def _judge(reward: Any) -> Judge | None:
    inner = getattr(reward, "reward", reward)
    return inner if isinstance(inner, Judge) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
