"""What both of MLflow's stores say alike: tags that are fields of ours, params as config, statuses as outcomes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from whet.track.imports.foreign import End, number_of

_OUTCOMES = {"FINISHED": "done", "FAILED": "failed", "KILLED": "stopped"}
# `RunStatus` of the file store, by its number.
STATUSES = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}


def about_of(experiment: str, tags: Mapping[str, str], stage: str) -> dict[str, Any]:
    """Project and notes; a run that is deleted there says so in its group."""
    notes = tags.get("mlflow.note.content")
    group = {"group": "deleted"} if stage == "deleted" else {}
    return {"project": experiment, **({"notes": notes} if notes else {}), **group}


def labels_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags but the run's name, which is the run's here too."""
    return {key: value for key, value in tags.items() if key != "mlflow.runName"}


def config_of(params: Mapping[str, str]) -> dict[str, Any]:
    """Params as values of a config."""
    return {key: param_of(value) for key, value in params.items()}


def param_of(text: str) -> Any:
    """The text of a param as a value that filters can compare, where `str` of it is the same text."""
    for kind in (int, float):
        try:
            value = kind(text) if len(text) < 25 else None
        except ValueError:
            continue
        if value is not None and str(value) == text and math.isfinite(value):
            return value
    return {"True": True, "False": False}.get(text, text)


def end_of(status: str, end_ms: Any) -> Iterator[End]:
    """The end of a run that has one."""
    if status in _OUTCOMES:
        yield End((number_of(end_ms) or 0.0) / 1000, _OUTCOMES[status])
