"""Check: what was looked at, what was found, and what to type where it will hurt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

# `bad` ends a run or makes it wrong; `slow` costs time, memory or a restart; `well` is how it should be.
Level = Literal["well", "slow", "bad"]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `figures` are for programs, in bytes, seconds and counts."""

    name: str
    text: str
    level: Level = "well"
    hint: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
