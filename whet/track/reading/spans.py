"""Spans: traces that a run has, as OTLP brings them: named stretches of time with a parent and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from whet.track.reading.store import history

WRITER, KIND = "traces", "span"


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch. Ids are hex; times are Unix nanoseconds; `resource` says whose it is."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    status: str = "unset"
    message: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()
    links: tuple[Mapping[str, Any], ...] = ()
    scope: str = ""
    resource: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As JSON; times are texts, as they have more digits than JSON's numbers are sure to keep."""
        return {**asdict(self), "start_ns": str(self.start_ns), "end_ns": str(self.end_ns)}

    @classmethod
    def from_dict(cls, stated: Mapping[str, Any]) -> Span:
        """Back from `to_dict`. Raises TypeError and ValueError for what is none."""
        lists = {name: tuple(stated.get(name) or ()) for name in ("events", "links")}
        times = {name: int(stated[name]) for name in ("start_ns", "end_ns")}
        return cls(**{**stated, **lists, **times})


def spans(folder: Path) -> list[Span]:
    """The spans of a run by their start."""
    found = [Span.from_dict(event.payload) for event in history(folder).events(KIND)]
    return sorted(found, key=lambda span: span.start_ns)
