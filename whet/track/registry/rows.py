"""Versions as rows that the filter language asks: what a version is, its tags and aliases, its figures."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from whet.base.errors import ConfigError
from whet.track.reading.query import Query
from whet.track.registry.evaluations import figures
from whet.track.registry.state import Model, Version

_TOLD = ("kind", "base", "architecture", "licence", "source", "package")


def row_of(model: Model, version: Version) -> dict[str, Any]:
    """A version as a row; `alias` has several values, `tag.KEY` those of tags, and a tag of the model is one of all."""
    about, run = version.about, version.about.get("run") or {}
    return {
        "name": model.name, "version": version.number, "alias": model.aliases_of(version.number),
        **{name: about.get(name) for name in _TOLD}, "kind": version.kind,
        "run": run.get("name"), "step": run.get("step"), "bytes": version.num_bytes,
        "created": version.created, "by": about.get("by"), "stage": version.stage,
        "description": version.description or model.description,
        **{f"tag.{key}": value for key, value in {**model.tags, **version.tags}.items()},
        **figures(version.evaluations),
    }  # fmt: skip


def check_names(query: Query, rows: Sequence[dict[str, Any]], what: str = "version") -> None:
    """Raise ConfigError for a name that no row has, with the nearest that one has."""
    known = sorted({name for row in rows for name in row})
    for name in query.names:
        if rows and name not in known and not name.startswith("tag."):
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"one of {', '.join(known[:16])}"
            raise ConfigError(f"no {what} has `{name}`", at=query.text, hint=hint)
