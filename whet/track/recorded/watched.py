"""Watched tokens: those that a run should train (new ones, and the one that ends answers), and at which step it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from whet.track.reading.read import History

# The event of the writers `tokens-0`, `tokens-1` (ranks), and why a token is watched.
EVENT, WRITER = "tokens", "tokens"
NEW, END = "new", "end"


@dataclass(frozen=True, slots=True)
class Watched:
    """One token, and the first steps that had it among those that are read, and among those that are trained."""

    id: int
    text: str
    why: str
    read: int | None = None
    trained: int | None = None

    def seen(self, name: str) -> int | None:
        """The first step of `read` or `trained`."""
        return self.read if name == "read" else self.trained

    def to_list(self) -> list[object]:
        """As it stands in the event."""
        return [self.id, self.text, self.why, self.read, self.trained]


def watched_tokens(logs: History) -> list[Watched]:
    """Of each token what all ranks and attempts together have seen of it; empty where none is watched."""
    found: dict[int, Watched] = {}
    for event in logs.events(EVENT):
        for entry in event.payload.get("tokens") or ():
            one = _of(entry)
            old = found.get(one.id, one)
            found[one.id] = replace(one, read=_first(old.read, one.read), trained=_first(old.trained, one.trained))
    return list(found.values())


def _of(entry: Sequence[object]) -> Watched:
    number, text, why, read, trained = entry
    return Watched(int(str(number)), str(text), str(why), _step(read), _step(trained))


def _step(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _first(one: int | None, other: int | None) -> int | None:
    steps = [step for step in (one, other) if step is not None]
    return min(steps, default=None)
