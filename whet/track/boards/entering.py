"""A run made an entry of a board, if it is what the board asks for."""

from __future__ import annotations

import math
import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from whet.base.errors import ConfigError, RunError
from whet.track.boards.board import Entry, EntryCurve, Task
from whet.track.reading.catalogue import said_of
from whet.track.reading.read import History
from whet.track.reading.rows import flat, numbered
from whet.track.reading.store import history, summarize
from whet.track.recorded.machine_reading import environments, spent
from whet.track.recorded.private import without_secrets
from whet.track.script.plain import plain

_BUCKETS = 500


def entry_of(task: Task, folder: Path, by: str = "", note: str = "") -> Entry:
    """The entry of a run. Raises RunError, with what differs, for one that is no run of the task."""
    logs = history(folder)
    said, row = said_of(folder, logs), summarize(folder, logs)
    config = dict(flat(numbered(said["config"])))
    _check(task, folder, config)
    score = said["summary"].get(task.metric)
    if not isinstance(score, int | float) or not math.isfinite(score):
        known = ", ".join(sorted(said["summary"])[:8]) or "nothing"
        raise RunError(f"the run has no figure `{task.metric}`", at=str(folder), hint=f"it has {known}")
    starts, took = environments(folder, logs), spent(folder, logs)
    last: Mapping[str, Any] = starts[-1] if starts else {}
    return Entry(
        run=row.name, by=by, note=note, entered=time.time(), score=float(score), step=row.step,
        duration_s=row.duration_s, energy_j=took.energy_j, cost=took.cost, hardware=_hardware(last),
        command=_command(last), commit=str((last.get("git") or {}).get("commit") or ""),
        config={name: _public(value) for name, value in config.items() if name not in task.frozen},
        curves={name: _curve(logs, name) for name in task.curves if name in logs.names()},
    )  # fmt: skip


def frozen_of(folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Settings of a run by name; one that others stand below means all of them. Raises ConfigError for no setting."""
    config = dict(flat(numbered(said_of(folder, history(folder))["config"])))
    frozen: dict[str, Any] = {}
    for name in names:
        found = {one: value for one, value in config.items() if one == name or one.startswith(f"{name}.")}
        if not found:
            raise ConfigError(
                f"`{folder.name}` has no setting `{name}`", at=f"settings of {folder.name}",
                hint=f"whet show {folder.name}",
            )  # fmt: skip
        frozen |= found
    return frozen


def _check(task: Task, folder: Path, config: Mapping[str, Any]) -> None:
    wrong = [(name, config.get(name), value) for name, value in task.frozen.items() if config.get(name) != value]
    if wrong:
        told = "; ".join(f"{name} is {has!r}, not {value!r}" for name, has, value in wrong[:5])
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise RunError(
            f"the run is not of this task: {told}{more}", at=str(folder), hint="train it with these settings"
        )


def _hardware(start: Mapping[str, Any]) -> str:
    """Accelerators, else the processor, in a few words."""
    told = start.get("hardware") or {}
    gpus = [str(one) for one in told.get("gpus") or ()]
    if gpus:
        counts = {name: gpus.count(name) for name in dict.fromkeys(gpus)}
        return ", ".join(f"{count} x {name}" if count > 1 else name for name, count in counts.items())
    return ", ".join(filter(None, (str(told.get("cpu") or ""), _processors(told.get("usable_processors")))))


def _processors(count: Any) -> str:
    return f"{count} processors" if isinstance(count, int) else ""


def _command(start: Mapping[str, Any]) -> str:
    """What was typed, as somebody else would type it: without where this machine keeps its programs and files."""
    words = [str(word) for word in start.get("command") or ()]
    return " ".join(shlex.quote(_public(word)) for word in words)


def _public(value: Any) -> Any:
    """A value that may be told to anybody: of absolute paths their last part, and no secrets."""
    match value:
        case str():
            text = without_secrets(value)
            head, equals, rest = text.partition("=")
            if equals and os.path.isabs(rest):
                return f"{head}={os.path.basename(rest.rstrip('/'))}"
            return os.path.basename(text.rstrip("/")) if os.path.isabs(text) else text
        case list() | tuple():
            return [_public(one) for one in value]
        case dict():
            return {name: _public(one) for name, one in value.items()}
    return value


def _curve(logs: History, name: str) -> EntryCurve:
    level = logs.curve(name, _BUCKETS)
    first, last, low, high, mean = (
        plain(array.tolist())
        for array in (level.first_steps, level.last_steps, level.low[0], level.high[0], level.mean[0])
    )
    return EntryCurve(first=first, last=last, low=low, high=high, mean=mean)
