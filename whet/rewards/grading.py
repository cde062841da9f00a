"""The grader: rewards run side by side, each call with a limit of time, and every failure is counted."""

from __future__ import annotations

import math
import os
import pickle
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from whet.base.threads import Threads
from whet.base.workers import Outcome, Workers, failure
from whet.contracts.rewards import Grades, Grading, Reward, Score, Task, Weighted

EXCERPT = 160


class PoolGrader:
    """Grades with several weighted rewards.

    Where a reward runs is its attribute `runs_in`: `process` (the default: in workers that are killed when a call
    takes too long), `thread` (it waits for something and has limits of its own), or `here` (it holds a model). One
    whose attribute `is_whole` is False gets a completion a call, so that a failure costs no others.
    """

    def __init__(self, rewards: Sequence[Weighted], *, workers: int | None = None) -> None:
        self.rewards = tuple(rewards)
        num = workers or min(os.cpu_count() or 1, 16)
        self._places = {weighted.name: _place(weighted.reward) for weighted in self.rewards}
        mine = {w.name: partial(scored, w.reward) for w in self.rewards if self._places[w.name] == "process"}
        self._workers = Workers(mine, num=num, files=_plugin_files(self.rewards)) if mine else None
        # These wait for servers and subprocesses most of the time.
        self._threads = Threads(2 * num, "whet-reward")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(weighted.name for weighted in self.rewards)

    def grade(self, tasks: Sequence[Task]) -> Grading:
        """Grades of all tasks. What a reward raises, its time-outs and scores that are not finite are failures."""
        tasks, book = list(tasks), _Book(tasks)
        waiting: list[tuple[_Call, Weighted, Future[Outcome]]] = []
        ours: list[tuple[_Call, Weighted]] = []
        for weighted in self.rewards:
            for call in _calls(tasks, weighted.reward):
                if self._places[weighted.name] == "here":
                    ours.append((call, weighted))
                else:
                    waiting.append((call, weighted, self._submit(weighted, call)))
        for call, weighted in ours:
            book.enter(weighted.name, call, _guarded(weighted.reward, call))
        for call, weighted, future in waiting:
            book.enter(weighted.name, call, future.result())
        return book.grading(self.rewards)

    def close(self) -> None:
        """End the worker processes, and what rewards keep running."""
        if self._workers is not None:
            self._workers.close()
        for weighted in self.rewards:
            if callable(close := getattr(getattr(weighted.reward, "reward", weighted.reward), "close", None)):
                close()
        self._threads.close()

    def _submit(self, weighted: Weighted, call: _Call) -> Future[Outcome]:
        if self._workers is not None and self._places[weighted.name] == "process":
            return self._workers.submit(weighted.name, call.arguments, weighted.timeout_s)
        return self._threads.submit(_limited, weighted, call)


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a reward: completions of one task, and which they are."""

    number: int
    task: Task
    places: tuple[int, ...]

    @property
    def arguments(self) -> tuple[Any, ...]:
        return list(self.task.prompt), [self.task.completions[i] for i in self.places], dict(self.task.row)


def scored(reward: Reward, prompt: Any, completions: Any, row: Any) -> list[Score]:
    """What a reward says, as floats and Nones. Raises TypeError and ValueError for anything else."""
    scores = reward(prompt, completions, row)
    if isinstance(scores, str | dict) or not hasattr(scores, "__len__"):
        raise TypeError(f"a reward gives a list of numbers, not {type(scores).__name__}")
    if len(scores) != len(completions):
        raise ValueError(f"{len(scores)} scores came for {len(completions)} completions")
    return [None if score is None else _number(score) for score in scores]


def _number(score: Any) -> float:
    try:
        return float(score)
    except (TypeError, ValueError):
        raise ValueError(f"a score is {str(score)[:60]!r}, which is no number") from None


def _calls(tasks: Sequence[Task], reward: Reward) -> Iterator[_Call]:
    for number, task in enumerate(tasks):
        places = tuple(range(len(task.completions)))
        if getattr(reward, "is_whole", True):
            yield _Call(number, task, places)
        else:
            yield from (_Call(number, task, (place,)) for place in places)


def _guarded(reward: Reward, call: _Call) -> Outcome:
    try:
        return Outcome(scored(reward, *call.arguments))
    except Exception as error:
        return failure(error)


def _limited(weighted: Weighted, call: _Call) -> Outcome:
    """The outcome within the reward's time. A thread that takes longer is left behind."""
    found: list[Outcome] = []
    thread = threading.Thread(target=lambda: found.append(_guarded(weighted.reward, call)), daemon=True)
    thread.start()
    thread.join(weighted.timeout_s)
    limit = f"no answer after {weighted.timeout_s:g} s" if weighted.timeout_s else ""
    return found[0] if found else Outcome(reason="timeout", message=limit)


@dataclass
class _Book:
    """Scores and failures as they come."""

    tasks: list[Task]
    scores: dict[tuple[str, int, int], Score] = field(default_factory=dict)
    failures: dict[str, Counter[str]] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    failed: set[tuple[str, int, int]] = field(default_factory=set)

    def enter(self, name: str, call: _Call, outcome: Outcome) -> None:
        values = outcome.value if outcome.reason is None else [None] * len(call.places)
        for place, value in zip(call.places, values, strict=True):
            if outcome.reason is not None:
                self._fail(name, outcome.reason, outcome.message, call, place)
            elif value is not None and not math.isfinite(value):
                self._fail(name, "not finite", f"the score is {value}", call, place)
                value = None
            self.scores[name, call.number, place] = value

    def grading(self, rewards: Sequence[Weighted]) -> Grading:
        grades = []
        for number, task in enumerate(self.tasks):
            places = range(len(task.completions))
            scores = {w.name: tuple(self.scores[w.name, number, place] for place in places) for w in rewards}
            totals = tuple(self._total(rewards, scores, number, place) for place in places)
            grades.append(Grades(totals, scores))
        failures = {name: dict(reasons) for name, reasons in self.failures.items()}
        return Grading(tuple(grades), failures, dict(self.examples))

    def _total(
        self, rewards: Sequence[Weighted], scores: dict[str, tuple[Score, ...]], number: int, place: int
    ) -> Score:
        """The weighted sum; None where a reward that counts failed: a part of it would be another reward."""
        if any(w.weight and (w.name, number, place) in self.failed for w in rewards):
            return None
        given = [w.weight * value for w in rewards if (value := scores[w.name][place]) is not None]
        total = math.fsum(given)
        # 0.1 + 0.2 - 0.3 is nothing, and whatever is nothing must be the same for all answers.
        is_nothing = abs(total) <= 1e-12 * sum(map(abs, given))
        return (0.0 if is_nothing else total) if given else None

    def _fail(self, name: str, reason: str, message: str, call: _Call, place: int) -> None:
        self.failures.setdefault(name, Counter())[reason] += 1
        self.failed.add((name, call.number, place))
        if name not in self.examples:
            asked = call.task.prompt[-1].get("content", "") if call.task.prompt else ""
            said = call.task.completions[place]
            self.examples[name] = f"{message}; asked {_excerpt(str(asked))}, the model said {_excerpt(said)}"


def _excerpt(text: str) -> str:
    return repr(text if len(text) <= EXCERPT else f"{text[: EXCERPT // 2]} ... {text[-EXCERPT // 2 :]}")


def _place(reward: Reward) -> str:
    """Where a reward runs. What cannot be pickled, such as a closure of a plugin, runs in a thread."""
    place = getattr(reward, "runs_in", "process")
    if place == "process":
        try:
            pickle.dumps(reward)
        except Exception:
            return "thread"
    return place


def _plugin_files(rewards: Sequence[Weighted]) -> dict[str, str]:
    """Modules of plugins that a worker has to load from their files, since no import would find them."""
    modules = {_module(weighted.reward) for weighted in rewards}
    found = {name: getattr(sys.modules.get(name), "__file__", None) for name in modules}
    return {name: file for name, file in found.items() if file and name.startswith("whet_plugin_")}


def _module(reward: Any) -> str:
    inner: Callable[..., Any] | Any = getattr(reward, "score", reward)
    inner = getattr(inner, "func", inner)
    return getattr(inner, "__module__", None) or type(reward).__module__
