"""Marks of a run: what happened at a step that one can point at, each in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whet.track.logs.ending import KIND as KILLED
from whet.track.reading.read import Event, History

_EVALUATION = "eval/"
# Each evaluation while training has this curve (`whet.track.sinks.log`).
_EVALUATED = "eval/seconds"
_FIGURES = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a step; `time` is Unix time, `text` one line."""

    kind: str
    step: int
    time: float
    writer: str
    text: str


def marks(logs: History) -> list[Mark]:
    """Checkpoints, evaluations, starts after the first, notices, alerts and ends, by step and time."""
    found = [*_of_events(logs), *_evaluations(logs)]
    return sorted(found, key=lambda mark: (mark.step, mark.time))


def _of_events(logs: History) -> Iterator[Mark]:
    for kind, text_of in _TEXTS.items():
        for event in logs.events(kind):
            if text := text_of(event):
                yield Mark(_NAMES.get(kind, kind), event.step, event.time, event.writer, " ".join(text.split()))


def _evaluations(logs: History) -> Iterator[Mark]:
    """Evaluations while training, which are curves: of each step its first few figures."""
    names = [name for name in logs.names(logs.speaker) if name.startswith(_EVALUATION) and name != _EVALUATED]
    told: dict[int, list[str]] = {}
    for name in names[:_FIGURES]:
        for step, value in zip(*logs.scalar(name), strict=True):
            told.setdefault(int(step), []).append(f"{name.removeprefix(_EVALUATION)} {value:.4g}")
    for part in logs.points(_EVALUATED) if names else ():
        for step, moment in zip(part.steps.tolist(), part.times.tolist(), strict=True):
            yield Mark("evaluation", step, moment, part.writer, ", ".join(told.get(step, ())) or "evaluated")


def _checkpoint(event: Event) -> str:
    return f"checkpoint {str(event.payload.get('path') or '').rpartition('/')[2]}"


def _start(event: Event) -> str:
    return f"attempt {event.attempt} began" if event.attempt > 1 else ""


def _end(event: Event) -> str:
    return f"{event.payload.get('outcome')}: {event.payload.get('reason')}"


def _evaluated(event: Event) -> str:
    metrics = event.payload.get("metrics")
    figures = list(metrics.items())[:_FIGURES] if isinstance(metrics, Mapping) else []
    return ", ".join(f"{name} {_short(value)}" for name, value in figures) or "evaluated"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, int | float) else str(value)


def _alert(event: Event) -> str:
    said = (str(event.payload.get(name) or "") for name in ("title", "text"))
    return ": ".join(part for part in said if part)


_TEXTS: dict[str, Callable[[Event], str]] = {
    "checkpoint": _checkpoint, "evaluation": _evaluated, "started": _start, "ended": _end, "alert": _alert,
    "notice": lambda event: str(event.payload.get("text") or ""),
    KILLED: lambda event: f"killed: {event.payload.get('cause')}",
}  # fmt: skip
_NAMES = {"started": "resume", KILLED: "ended"}
