"""Delivery: one plug-in given what a run logs, in order, with a cursor that outlives both."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.base.regular import opened
from whet.track.follow.plugin import Ending, FollowedRun, Follower, Logged, Tell
from whet.track.follow.tail import Item, Tail
from whet.track.reading.catalogue import said_of
from whet.track.reading.read import UNKNOWN, Event
from whet.track.reading.store import LOGS, history
from whet.track.script.plain import to_json

# How long others may go on writing after the first rank has ended, and how long a killed run's cause is waited for: a
# supervisor tells it within a second, or as soon as a machine under load lets it.
LINGER_S = 5.0
# So many rows a call: a server that is slow takes less than a minute for them.
_MOST_ROWS = 1000
CAUSE_S = 15.0


class Memory:
    """A JSON file in the run folder, written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, tell: Tell = lambda level, text: None) -> dict[str, Any]:
        """What was stored last, or what was before it where that is damaged, which is then told and set aside.

        Empty where nothing was stored, or neither can be read.
        """
        for path in (self.path, self._before):
            try:
                with opened(path, "rb") as file:
                    found = json.loads(file.read())
                if isinstance(found, dict):
                    return found
                why = "holds no object"
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                why = f"cannot be read ({type(error).__name__})"
            tell("warning", f"{path.name} {why} and is set aside: something may be handed on twice")
            with suppress(OSError):
                os.replace(path, path.with_name(f"{path.name}.damaged"))
        return {}

    def store(self, values: Mapping[str, Any]) -> None:
        """Keep values, and those of before. Raises OSError, also where the run folder is gone."""
        self.path.parent.mkdir(exist_ok=True)
        part = self.path.with_name(self.path.name + ".part")
        part.write_bytes(to_json(values))
        with suppress(OSError):  # the first time there are none
            os.replace(self.path, self._before)
        os.replace(part, self.path)

    @property
    def _before(self) -> Path:
        return self.path.with_name(self.path.name + ".before")


class Delivery:
    """Tells one plug-in of one run. `pump` until it is over, then `finish`; `beat` is called between its calls."""

    def __init__(
        self, folder: Path, plugin: Follower, memory: Memory, tell: Tell, beat: Callable[[], None] = lambda: None
    ) -> None:
        self.folder, self.plugin, self._memory, self._beat = Path(folder), plugin, memory, beat
        known = memory.load(tell)
        self._tail = Tail(self.folder / LOGS, known.get("cursor"))
        self._finished = int(known.get("finished", 0))
        self._over_since: float | None = None
        logs = history(self.folder)
        said, started = said_of(self.folder, logs), logs.spans[0][0] if logs.spans else 0.0
        about, config = said["about"], said["config"]
        run = FollowedRun(self.folder.resolve(), self._tail.attempt, about, config, tell, self.store, started)
        plugin.start(run, known.get("state") or {})
        self.store()

    def pump(self) -> bool:
        """Hand on what is new. Returns whether anything was."""
        items = self._tail.read()
        for batch in _batches(items):
            self._give(batch)
            self._beat()
        if items:
            self.store()
        self._over_since = None if items or not self._tail.is_over else self._over_since or time.monotonic()
        return bool(items)

    def tick(self, now: float) -> None:
        """Let the plug-in look at the clock."""
        if self.plugin.tick(now, not self._tail.is_over):
            self.store()

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, its cause is known as far as it will be, and all was handed on."""
        if self._over_since is None:
            return False
        waited = time.monotonic() - self._over_since
        if not self._tail.is_settled and waited < LINGER_S:
            return False
        return waited >= CAUSE_S or self._is_explained()

    def finish(self) -> None:
        """Tell how the attempt has ended, unless that was told before."""
        if self._tail.attempt > self._finished:
            self.plugin.finish(ending_of(self.folder))
            self._finished = self._tail.attempt
            self.store()

    def store(self) -> None:
        """Keep the cursor with the plug-in's state."""
        self._memory.store({"cursor": self._tail.cursor(), "state": self.plugin.state(), "finished": self._finished})

    def _is_explained(self) -> bool:
        speaker = self._tail.speaker
        return speaker is None or speaker.has_end or history(self.folder).reason != UNKNOWN

    def _give(self, batch: list[Item]) -> None:
        first = batch[0]
        if isinstance(first, Logged):
            self.plugin.log([row for row in batch if isinstance(row, Logged)])
        elif first.kind == "media":
            self.plugin.media(first)
        else:
            self.plugin.event(first)


def ending_of(folder: Path) -> Ending:
    """How the newest attempt of a run has ended, or stands."""
    logs = history(folder)
    return Ending(logs.status, logs.reason, logs.last_step or 0)


def hand_over(folder: Path, plugin: Follower, tell: Tell, memory: Memory) -> None:
    """Tell a plug-in all that a run has logged so far, and its end, in this process. Raises what the plug-in raises."""
    delivery = Delivery(folder, plugin, memory, tell)
    while delivery.pump():
        pass
    delivery.finish()


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Figures that follow each other together, `_MOST_ROWS` at once, and events one by one."""
    for is_event, group in itertools.groupby(items, key=lambda item: isinstance(item, Event)):
        while batch := list(itertools.islice(group, 1 if is_event else _MOST_ROWS)):
            yield batch
