"""Read the rollouts that a run has recorded: prompts with their answers, and what rewards made of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whet.track.reading.attempts import kept
from whet.track.reading.read import Event, History

# Who writes them, and as what.
WRITER, KIND = "rollouts", "rollout"


@dataclass(frozen=True, slots=True)
class Rollout:
    """A prompt with its answers, which were learned from at a step on."""

    step: int
    time: float
    source: str
    row: int
    prompt: list[dict[str, Any]]
    answers: list[dict[str, Any]]


def rollouts(logs: History, step: int | None = None, text: str = "") -> list[Rollout]:
    """All that are recorded, of one step, or that hold a text in prompt or answers; what is damaged is left out."""
    wanted, found = text.casefold(), []
    for event in _events(logs):
        prompts = event.payload.get("prompts")
        for told in prompts if isinstance(prompts, list) and step in (None, event.step) else ():
            if isinstance(told, Mapping) and (not wanted or wanted in _words(told).casefold()):
                lists = [[dict(one) for one in told.get(name) or () if isinstance(one, Mapping)] for name in _LISTS]
                place = str(told.get("source") or ""), int(told.get("row") or 0)
                found.append(Rollout(event.step, event.time, *place, *lists))
    return found


def steps_of(logs: History) -> list[int]:
    """Steps whose rollouts are recorded."""
    return sorted({event.step for event in _events(logs)})


def _events(logs: History) -> list[Event]:
    """By time, without those that a later attempt went over again."""
    by_attempt: dict[int, list[Event]] = {}
    for event in logs.events_of((KIND,), WRITER):
        by_attempt.setdefault(event.attempt, []).append(event)
    ordered = [by_attempt[attempt] for attempt in sorted(by_attempt)]
    stretches = kept(ordered, lambda events: min(event.step for event in events))
    return [event for events, end in stretches for event in events if event.step < end]


_LISTS = ("prompt", "answers")


def _words(told: Mapping[str, Any]) -> str:
    messages = [one for name in _LISTS for one in told.get(name) or () if isinstance(one, Mapping)]
    return "\n".join(str(one.get("content") or one.get("text") or "") for one in messages)
