"""What is said of a run in its logs: by itself project, name, tags, config, summary, and by edits what they change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whet.track.edits.edit import KIND as EDIT
from whet.track.edits.edit import folded, is_editor
from whet.track.reading.read import History

_KINDS = ("run", "config", "summary", "labels", "started")


@dataclass(frozen=True, slots=True)
class Described:
    """The newest of each thing that a script's run, or a training's, has told. `own_summary` is what it set itself.

    `labels` are tags with a value, as MLflow has them; `facts` the part of `config` that a training found as it began.
    """

    about: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    own_summary: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    total: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def described(logs: History) -> Described:
    """Fold the events of the run's speaker, later ones over earlier ones, and edits over them."""
    about: dict[str, Any] = {}
    config: dict[str, Any] = {}
    summary: dict[str, Any] = {}
    labels: dict[str, str] = {}
    found: dict[str, Any] = {}
    total = None
    for event in logs.events_of(_KINDS, logs.speaker):
        match event.kind:
            case "run":
                about.update(event.payload)
            case "config":
                config.update(_values(event.payload))
            case "summary" if not event.payload.get("final"):
                summary.update(_values(event.payload))
            case "labels":
                for name, value in _values(event.payload).items():
                    labels.pop(name, None)
                    if value is not None:  # which takes a label away
                        labels[name] = str(value)
            case "started":
                facts, total = event.payload.get("facts"), event.payload.get("total")
                found.update(facts if isinstance(facts, Mapping) else {})
                config.update(found)
    edits = [event.payload for event in logs.events(EDIT) if is_editor(event.writer)]
    about, labels = folded(about, labels, edits)
    return Described(about, config, summary, labels, total if isinstance(total, int) else None, found)


def _values(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    values = payload.get("values")
    return values if isinstance(values, Mapping) else {}
