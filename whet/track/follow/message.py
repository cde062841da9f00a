"""Message: what a person is told, and the protocol of the channels that carry it."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

LEVELS = ("info", "warn", "error")
_LONGEST_TITLE, _LONGEST_TEXT = 200, 3000
_WORDS = {"warning": "warn", "critical": "error", "fatal": "error", "alarm": "error", "debug": "info"}


@dataclass(frozen=True, slots=True)
class Message:
    """A title of one line, a text, one of `LEVELS`, the run's name, the step and the Unix time.

    `id` is the same whenever it is sent again, so that whoever gets it can tell.
    """

    title: str
    text: str
    level: str
    run: str
    step: int
    time: float
    id: str = field(default_factory=lambda: secrets.token_hex(16))

    def as_text(self) -> str:
        """All of it, for channels that know no titles."""
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.time))
        return f"[{self.level}] {self.title}\n{self.text}\n{self.run}, step {self.step}, {moment}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class Channel(Protocol):
    """Carries a message, within half a minute. Raises Undelivered where it was not taken."""

    def send(self, message: Message) -> None: ...


def message(run: str, level: str, title: str, text: str, step: int, moment: float) -> Message:
    """A message whose texts can be sent: of a length, and without control characters."""
    return Message(
        _clean(title, _LONGEST_TITLE).replace("\n", " "), _clean(text, _LONGEST_TEXT), level, run, step, moment
    )


def level_of(word: Any) -> str:
    """Our name of somebody's level."""
    lower = str(word).lower()
    level = _WORDS.get(lower, lower)
    return level if level in LEVELS else "info"


def filled(template: Any, one: Message) -> Any:
    """A JSON value in whose texts `{title}`, `{text}`, `{level}`, `{run}`, `{step}`, `{time}` and `{id}` are its."""
    if isinstance(template, Mapping):
        return {key: filled(value, one) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [filled(value, one) for value in template]
    if not isinstance(template, str):
        return template
    values = one.to_dict()
    if template[1:-1] in values and template == f"{{{template[1:-1]}}}":
        return values[template[1:-1]]  # alone it keeps its type
    return re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], found[0])), template)


def _clean(text: str, longest: int) -> str:
    text = "".join(letter for letter in str(text) if letter.isprintable() or letter == "\n").strip()
    return text if len(text) <= longest else text[: longest - 3] + "..."
