"""Outbox: messages on their way over one channel, tried again with growing pauses, and remembered over a restart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from whet.track.follow.message import Channel, Message
from whet.track.follow.undelivered import Undelivered

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
MOST_TRIES = 10
HOUR_S = 3600.0
AGAIN = "(This may have come before: what sends it was killed meanwhile.)"

Give = Callable[[str], None]


class Outbox:
    """Sends the oldest message that is due, one a call of `send_one`.

    `keep` is called before each is sent: one of which it is then not known whether it was taken, as the process was
    killed meanwhile, is sent again, and says so. So each arrives at least once, or is given up.

    A message that is refused for good, or `MOST_TRIES` times, is given up: `give_up` is told why. At most
    `most_per_hour` are taken in an hour; how many were left out is said in the next that is.
    """

    def __init__(
        self, channel: Channel, most_per_hour: int, give_up: Give, state: Mapping[str, Any],
        keep: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._channel, self._most_per_hour, self._give_up, self._keep = channel, most_per_hour, give_up, keep
        self._waiting: list[dict[str, Any]] = [dict(one) for one in state.get("waiting") or ()]
        self._taken: list[float] = [float(moment) for moment in state.get("taken") or ()]
        self._left_out = int(state.get("left_out") or 0)

    def put(self, message: Message, now: float) -> None:
        """Take a message, unless there were too many in the last hour."""
        self._taken = [moment for moment in self._taken if moment > now - HOUR_S]
        if len(self._taken) >= self._most_per_hour:
            self._left_out += 1
            return
        if self._left_out:
            words = f"{message.text}\n({self._left_out} earlier messages were not sent: there were too many)"
            message, self._left_out = replace(message, text=words.strip()), 0
        self._taken.append(now)
        self._waiting.append({"message": message.to_dict(), "tries": 0, "due": 0.0})  # at once, by any clock

    def send_one(self, now: float) -> bool:
        """Try one message that is due. Returns whether there was one."""
        due = next((one for one in self._waiting if one["due"] <= now), None)
        if due is None:
            return False
        one = Message(**due["message"])
        if due.get("is_on_its_way"):
            one = replace(one, text=f"{one.text}\n{AGAIN}".strip())
        due["is_on_its_way"] = True
        self._keep()
        try:
            self._channel.send(one)
            self._waiting.remove(due)
        except Undelivered as error:
            due["is_on_its_way"] = False
            due["tries"] += 1
            if error.is_final or due["tries"] >= MOST_TRIES:
                self._waiting.remove(due)
                tries = "" if due["tries"] == 1 else f" after {due['tries']} tries"
                self._give_up(f"`{due['message']['title']}` was not sent{tries}: {error}")
            else:
                pause = min(FIRST_PAUSE_S * 2 ** (due["tries"] - 1), LONGEST_PAUSE_S)
                due["due"] = now + max(pause, error.retry_after_s or 0.0)
        return True

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def state(self) -> dict[str, Any]:
        """All of it, as JSON."""
        return {"waiting": self._waiting, "taken": self._taken, "left_out": self._left_out}
