"""Capacity: how many tokens a rank takes at once since memory ran out on one of several, noted in the run's folder.

The others wait for that rank within the step, where nobody can tell them. So the attempt ends on all, and every later
one reads here what it is to take. Imports no torch: the launcher reads it too.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NAME = "capacity.json"


@dataclass(frozen=True, slots=True)
class Capacity:
    """Tokens (or samples) at once, and the words with which the attempt ended that took more."""

    tokens: int
    words: str


def note(run: Path, capacity: Capacity) -> None:
    """Have later attempts take so many at once. Several ranks may note the same at a time."""
    path = run / NAME
    part = path.with_name(f"{NAME}.{os.uname().nodename}-{os.getpid()}")
    with suppress(OSError):  # a full disk: the next attempt runs out of memory again, and says so
        part.write_text(json.dumps({"tokens": capacity.tokens, "words": capacity.words}) + "\n", encoding="utf-8")
        os.replace(part, path)


def noted(run: Path) -> Capacity | None:
    """What was noted last; None where nothing was, or nothing that can be read: ranks then take what they took."""
    try:
        told = json.loads((run / NAME).read_text(encoding="utf-8"))
        found = Capacity(int(told["tokens"]), str(told["words"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if found.tokens > 0 else None
