"""Runs that are cut short, as a kill would leave them after a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whet.base.config import from_mapping
from whet.train.build import assemble


def cut_after(num_steps: int, settings: dict[str, Any]) -> Path:
    """The folder of a run that has done so many steps, with a checkpoint after each, and not ended."""
    built = assemble(from_mapping(settings))
    built.loop.cadence = built.loop.cadence.__class__(1, 1, 100)
    for number in range(num_steps):
        built.loop.advance(built.loop.source.next(number))
    built.close()
    return built.folder.path
