"""The follower `alerts`: tells people over one channel what rules, and the run's own calls of `alert`, say."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whet.base.alerts import AlertChannel, AlertRule
from whet.base.catalogue import channel, follower
from whet.base.settings import Count
from whet.track.follow.addresses import Allowed
from whet.track.follow.message import LEVELS, Channel, Message, level_of, message
from whet.track.follow.outbox import Outbox
from whet.track.follow.plugin import Ending, FollowedRun, Follower, Logged
from whet.track.follow.rules import Rules, Seen
from whet.track.follow.secrets import Secrets
from whet.track.reading.read import Event
from whet.track.reading.rows import flat


@follower("alerts")
def alerts(*, to: AlertChannel, rules: list[AlertRule], most_per_hour: Count = 30) -> Follower:
    """Messages to people over one channel; `track.alerts` makes one of these for each of its channels.

    to: the channel
    rules: what is told besides the run's own calls of `alert`
    most_per_hour: messages an hour
    """
    return AlertsFollower(opened(to), to.level, rules, most_per_hour)


def opened(to: AlertChannel) -> Channel:
    """A channel with its secrets. Raises ConfigError where one is missing."""
    kind = channel.get(to.channel.kind)
    secrets = Secrets(to.account or kind.name.replace("-", "_"))
    for name in kind.facts.secrets:
        _ = secrets[name]  # all are asked for at the door
    built: Channel = kind.build(secrets, Allowed(tuple(to.allow)), **to.channel.values())
    return built


class AlertsFollower(Follower):
    """Rules in, an outbox out."""

    def __init__(self, channel: Channel, level: str, rules: Sequence[AlertRule], most_per_hour: int) -> None:
        self._channel, self._least, self._settings = channel, LEVELS.index(level), list(rules)
        self._most_per_hour = most_per_hour

    def start(self, run: FollowedRun, state: Mapping[str, Any]) -> None:
        self._run = run
        # What earlier attempts said before anybody listened is no news.
        self._since = int(state.get("since") or run.attempt)
        seen = Seen(run.name, dict(flat(run.config)), {}, moved=time.time(), folder=run.folder)
        self._rules = Rules(self._settings, seen, state.get("rules") or {})
        tell = run.tell
        self._outbox = Outbox(
            self._channel, self._most_per_hour, lambda text: tell("warning", text), state.get("outbox") or {}, run.keep
        )

    def log(self, rows: Sequence[Logged]) -> None:
        for row in rows:
            if row.attempt >= self._since or not row.is_of_rank:
                self._put(self._rules.on_row(row), row.time)

    def event(self, event: Event) -> None:
        if event.attempt < self._since:
            return
        if event.kind == "alert":
            said = event.payload
            level, title = level_of(said.get("level")), str(said.get("title") or "alert")
            text = str(said.get("text") or "")
            self._put([message(self._run.name, level, title, text, event.step, event.time)], event.time)
        else:
            self._put(self._rules.on_event(event), event.time)

    def tick(self, now: float, is_live: bool) -> bool:
        said = list(self._rules.on_clock(now)) if is_live else []
        self._put(said, now)
        return self._outbox.send_one(now) or bool(said)

    def finish(self, ending: Ending) -> None:
        now = time.time()
        self._put(self._rules.on_end(ending, now), now)
        for text in self._rules.unknown():
            self._run.tell("warning", text)

    @property
    def is_waiting(self) -> bool:
        return not self._outbox.is_empty

    def state(self) -> dict[str, Any]:
        return {"since": self._since, "rules": self._rules.state(), "outbox": self._outbox.state()}

    def _put(self, messages: Iterable[Message], now: float) -> None:
        for one in messages:
            if LEVELS.index(one.level) >= self._least:
                self._outbox.put(one, now)
