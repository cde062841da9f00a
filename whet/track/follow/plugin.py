"""Follower: what a plug-in is told of a run, in a process of its own: start, log, media, event, finish.

One file, one decorator: `@follower("mine")` on a function of keyword-only settings that returns a `Follower`. A plug-in
may raise, hang or die: its process is started again, with growing pauses, and goes on from its last `state`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.track.logs.frames import RANK_0, Writer
from whet.track.reading.read import Event, Status

# Tells the run something: a level (`info`, `warning`) and a text.
Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """The run as it was when the plug-in started: its newest attempt, what it says of itself (`about`), its config.

    `keep` stores the plug-in's `state()` at once, for what must not be done twice; `started` is the Unix time of its
    first start.
    """

    folder: Path
    attempt: int
    about: Mapping[str, Any]
    config: Mapping[str, Any]
    tell: Tell
    keep: Callable[[], None] = lambda: None
    started: float = 0.0

    @property
    def name(self) -> str:
        """What people call the run."""
        return str(self.about.get("name") or self.id)

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name


@dataclass(frozen=True, slots=True)
class Logged:
    """The figures of one call at a step. `time` is Unix time; `writer` is `r0` of the first rank."""

    time: float
    step: int
    writer: str
    attempt: int
    values: Mapping[str, float]

    @property
    def is_of_rank(self) -> bool:
        """Whether the run itself wrote it, and not what looks at it: a sampler of hardware, statistics of layers."""
        return Writer(self.writer, self.attempt).rank is not None

    def named(self) -> dict[str, float]:
        """Its values under names that tell the writers apart: as logged of rank 0, else `r1/loss`."""
        if self.writer == RANK_0:
            return dict(self.values)
        return {f"{self.writer}/{name}": value for name, value in self.values.items()}


@dataclass(frozen=True, slots=True)
class Ending:
    """How the newest attempt has ended: `done`, `stopped`, `failed`, or `killed` with its cause as the reason."""

    status: Status
    reason: str
    step: int


class Follower:
    """The protocol, and a plug-in that does nothing: override what matters.

    Calls come in the order of the logs, from one thread. After each the cursor is stored with `state()`; a process
    that was killed in a call is told the same again.
    """

    def start(self, run: FollowedRun, state: Mapping[str, Any]) -> None:
        """The first call; `state` is what `state()` gave last, or empty. A resumed run starts again."""

    def log(self, rows: Sequence[Logged]) -> None:
        """Figures of some calls of `log`."""

    def media(self, event: Event) -> None:
        """Pictures and the like: `event.payload` has `name` and `entries`, each with `type`, and `path` of its file."""

    def event(self, event: Event) -> None:
        """Anything else that was logged: `config`, `summary`, `alert`, `notice`, `checkpoint`, `values`, ..."""

    def tick(self, now: float, is_live: bool) -> bool:
        """Twice a second, at Unix time `now`; `is_live` while the run is. Returns whether `state()` has changed."""
        return False

    def finish(self, ending: Ending) -> None:
        """The attempt has ended, and nothing comes after it."""

    @property
    def place(self) -> str:
        """Where people find what it was given, once it has started: a folder or an address; empty if unknown."""
        return ""

    @property
    def is_waiting(self) -> bool:
        """Whether it still has something to do after `finish`: `tick` is then called on."""
        return False

    def state(self) -> dict[str, Any]:
        """What the next process must know, as JSON."""
        return {}
