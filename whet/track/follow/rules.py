"""Rules: when people are told something of a run: of its figures, its end, a stall, a number that is none."""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.alerts import AlertRule
from whet.base.units import duration, figure
from whet.track.follow.message import Message, message
from whet.track.follow.plugin import Ending, Logged
from whet.track.reading.query import Query, parse
from whet.track.reading.read import Event

if TYPE_CHECKING:
    from whet.track.diagnosis.finding import Finding
    from whet.track.diagnosis.recorded_run import RecordedRun

# How often rules are asked while a run is live, and what gravity is of which level.
_DIAGNOSE_EVERY_S = 30.0
_LEVELS = {"error": "error", "warning": "warn", "info": "info"}
# Of the newest figures so many are told in a message.
_MOST_FIGURES = 8


@dataclass(slots=True)
class Seen:
    """What is known of the run: the newest figures, its config laid flat, its last step, when that came."""

    run: str
    config: Mapping[str, Any]
    figures: dict[str, float]
    step: int = 0
    moved: float = 0.0
    own: dict[str, float] = field(default_factory=dict)  # what the run itself says, without samplers and ranks
    folder: Path | None = None

    def row(self, **more: Any) -> dict[str, Any]:
        """What a filter may ask for."""
        return {**self.config, **self.figures, "step": self.step, **more}

    def told(self) -> str:
        """The newest figures in one line."""
        shown = list((self.own or self.figures).items())[:_MOST_FIGURES]
        return ", ".join(f"{name} {figure(value)}" for name, value in shown)


class Rule:
    """One rule with its memory. Each question gives whether it speaks now, as a title and a text."""

    level = "error"

    def __init__(self, settings: AlertRule) -> None:
        self.settings = settings
        self.query: Query = parse(settings.when or "")
        self.spoke: dict[str, float] = {}
        self.in_a_row = 0

    def on_row(self, row: Logged, seen: Seen) -> tuple[str, str] | None:
        """Figures have come; `seen` holds them."""
        return None

    def on_event(self, event: Event, seen: Seen) -> tuple[str, str] | None:
        """Something else has been logged."""
        return None

    def on_clock(self, now: float, seen: Seen) -> tuple[str, str] | None:
        """Time has passed while the run lives."""
        return None

    def on_end(self, ending: Ending, seen: Seen) -> tuple[str, str] | None:
        """The attempt has ended."""
        return None

    def over(self) -> None:
        """The attempt is over: each has an end of its own."""
        self.spoke.clear()
        self.in_a_row = 0

    def speaks(self, words: tuple[str, str] | None, now: float, seen: Seen) -> Message | None:
        """The message, unless the rule has said the same within its cooldown."""
        if words is None:
            return None
        title, text = self.settings.title or words[0], words[1]
        if abs(now - self.spoke.get(title, -math.inf)) < self.settings.cooldown_s:  # a clock that went back is news
            return None
        self.spoke[title] = now
        return message(seen.run, self.settings.level or self.level, title, text, seen.step, now)


class OnStep(Rule):
    """Figures of a step are as the filter says."""

    level = "warn"

    def on_row(self, row: Logged, seen: Seen) -> tuple[str, str] | None:
        values = row.named()
        if not any(name in values or (name == "step" and row.is_of_rank) for name in self.query.names):
            return None
        self.in_a_row = self.in_a_row + 1 if self.query.takes(seen.row()) else 0
        if self.in_a_row < self.settings.in_a_row:
            return None
        asked = [f"{name} {figure(values[name])}" for name in self.query.names if name in values]
        return str(self.settings.when), ", ".join(asked)


class OnNan(Rule):
    """A figure is NaN or infinite."""

    def on_row(self, row: Logged, seen: Seen) -> tuple[str, str] | None:
        odd = {name: value for name, value in row.named().items() if not math.isfinite(value)}
        if not odd or not self.query.takes(seen.row()):
            return None
        return f"{', '.join(odd)} is no finite number", ", ".join(f"{name} {value}" for name, value in odd.items())


class OnStall(Rule):
    """No step has come for long."""

    def on_row(self, row: Logged, seen: Seen) -> None:
        if row.is_of_rank:
            self.in_a_row = 0

    def on_clock(self, now: float, seen: Seen) -> tuple[str, str] | None:
        waited = now - seen.moved
        if self.in_a_row or waited < self.settings.after_s or not self.query.takes(seen.row()):
            return None
        self.in_a_row = 1  # a stall is told once
        return f"no step for {duration(round(waited))}", f"the last was step {seen.step}: {seen.told()}"


class OnEnd(Rule):
    """The run has ended in order."""

    level = "info"

    def on_end(self, ending: Ending, seen: Seen) -> tuple[str, str] | None:
        if ending.status not in ("done", "stopped") or not self.query.takes(seen.row(status=ending.status)):
            return None
        return f"{ending.status} at step {ending.step}", _joined(ending.reason, seen.told())


class OnFailure(Rule):
    """The run has failed, or was killed."""

    def on_end(self, ending: Ending, seen: Seen) -> tuple[str, str] | None:
        if ending.status not in ("failed", "killed") or not self.query.takes(seen.row(status=ending.status)):
            return None
        return f"{ending.status} at step {ending.step}", _joined(ending.reason, seen.told())


class OnAlarm(Rule):
    """The watchdog has raised an alarm."""

    def on_event(self, event: Event, seen: Seen) -> tuple[str, str] | None:
        if event.kind != "notice" or event.payload.get("level") != "alarm" or not self.query.takes(seen.row()):
            return None
        text = str(event.payload.get("text") or "")
        return f"alarm: {text}", text


class OnDiagnosis(Rule):
    """A rule of `whet diagnose` has found something. Each finding is told once, and one of its kind in a cooldown.

    Asked every half minute while the run is live, and when it is over.
    """

    def __init__(self, settings: AlertRule) -> None:
        super().__init__(settings)
        self._asked = -math.inf
        self._run: RecordedRun | None = None

    def on_clock(self, now: float, seen: Seen) -> tuple[str, str] | None:
        if abs(now - self._asked) < _DIAGNOSE_EVERY_S:
            return None
        self._asked = now
        return self._found(now, seen, is_live=True)

    def on_end(self, ending: Ending, seen: Seen) -> tuple[str, str] | None:
        return self._found(time.time(), seen, is_live=False)

    def over(self) -> None:
        """What was told once is no news after the end."""

    def speaks(self, words: tuple[str, str] | None, now: float, seen: Seen) -> Message | None:
        if words is None:
            return None
        level, title = self.settings.level or self.level, self.settings.title or words[0]
        return message(seen.run, level, title, words[1], seen.step, now)

    def _found(self, now: float, seen: Seen, *, is_live: bool) -> tuple[str, str] | None:
        from whet.track.diagnosis.diagnose import diagnose, link, remedy, what
        from whet.track.diagnosis.recorded_run import RecordedRun

        if seen.folder is None or not self.query.takes(seen.row()):
            return None
        if self._run is None:
            self._run = RecordedRun(seen.folder)
        else:
            self._run.refresh()
        news = [one for one in diagnose(self._run, is_live=is_live) if self._is_news(one, now)]
        if not news:
            return None
        self.level = _LEVELS[news[0].severity]
        told = [f"{what(one)}\n{remedy(one)}\n{one.typed}\n{link(self._run.name, one)}" for one in news]
        return what(news[0]), "\n\n".join(told)

    def _is_news(self, finding: Finding, now: float) -> bool:
        kind = f"{finding.kind} {finding.what.id}"
        is_fresh = finding.key not in self.spoke and now - self.spoke.get(kind, -math.inf) >= self.settings.cooldown_s
        self.spoke[finding.key] = now
        if is_fresh:
            self.spoke[kind] = now
        return is_fresh


_KINDS: dict[str, type[Rule]] = {
    "step": OnStep, "nan": OnNan, "stall": OnStall, "end": OnEnd, "failure": OnFailure, "alarm": OnAlarm,
    "diagnosis": OnDiagnosis,
}  # fmt: skip


class Rules:
    """All rules of a run, with what they have seen. Times are those of the logs, but for the clock's."""

    def __init__(self, rules: Sequence[AlertRule], seen: Seen, state: Mapping[str, Any]) -> None:
        self.seen = seen
        self._rules = [_KINDS[rule.on](rule) for rule in rules]
        seen.figures.update(state.get("figures") or {})
        seen.step = int(state.get("step") or seen.step)
        for rule, known in zip(self._rules, state.get("rules") or (), strict=False):
            rule.spoke, rule.in_a_row = dict(known["spoke"]), int(known["in_a_row"])

    def on_row(self, row: Logged) -> Iterator[Message]:
        """Messages that figures give rise to."""
        named = row.named()
        self.seen.figures.update(named)
        if named.keys() == row.values.keys():
            self.seen.own.update(named)
        if row.is_of_rank:
            self.seen.step, self.seen.moved = row.step, max(self.seen.moved, row.time)
        for rule in self._rules:
            if said := rule.speaks(rule.on_row(row, self.seen), row.time, self.seen):
                yield said

    def on_event(self, event: Event) -> Iterator[Message]:
        """Messages that an event gives rise to."""
        for rule in self._rules:
            if said := rule.speaks(rule.on_event(event, self.seen), event.time, self.seen):
                yield said

    def on_clock(self, now: float) -> Iterator[Message]:
        """Messages that time gives rise to."""
        for rule in self._rules:
            if said := rule.speaks(rule.on_clock(now, self.seen), now, self.seen):
                yield said

    def on_end(self, ending: Ending, now: float) -> Iterator[Message]:
        """Messages that the end gives rise to: each attempt has one, whatever was told of the last."""
        for rule in self._rules:
            rule.over()
            if said := rule.speaks(rule.on_end(ending, self.seen), now, self.seen):
                yield said

    def unknown(self) -> Iterator[str]:
        """Of each name that a rule asks for and the run has not, a sentence with the nearest that it has."""
        known = list(self.seen.row(status=""))
        for rule in self._rules:
            for name in rule.query.names:
                if name not in known:
                    near = difflib.get_close_matches(name, known, n=1)
                    meant = f": did you mean `{near[0]}`?" if near else ""
                    yield f"the rule `{rule.settings.when}` asks for `{name}`, which the run has not{meant}"

    def state(self) -> dict[str, Any]:
        """All that they remember, as JSON; numbers that JSON lacks are left out."""
        finite = {name: value for name, value in self.seen.figures.items() if math.isfinite(value)}
        return {
            "figures": finite, "step": self.seen.step,
            "rules": [{"spoke": rule.spoke, "in_a_row": rule.in_a_row} for rule in self._rules],
        }  # fmt: skip


def _joined(*texts: str) -> str:
    return "\n".join(text for text in texts if text)
