"""What wandb and SwanLab have and we have not: asked for, each says so in one sentence, with what there is instead."""

from __future__ import annotations

from whet.base.errors import RunError

_SWEEPS = (
    "sweeps of a server are not there",
    "a loop over whet.track.init(config=...), or Optuna with whet.track.integrations.optuna",
)
_READING = (
    "the API of a server is not there: runs are read where they lie",
    'whet.track.reading.catalogue.runs("runs"), or `whet runs export --output points.parquet`',
)
_REPORTS = ("reports are not there", "whet runs compare A B C")
_ABSENT = {
    "Api": _READING, "PublicApi": _READING, "apis": _READING, "OpenApi": _READING, "sweep": _SWEEPS, "agent": _SWEEPS,
    "controller": _SWEEPS, "Report": _REPORTS, "reports": _REPORTS, "launch_add": _SWEEPS,
    "Molecule": ("molecules are no medium of ours", "whet.track.Object3D of its atoms, or whet.track.save of its file"),
    "Graph": ("graphs are no medium of ours", "whet.track.Html, or whet.track.Image"),
}  # fmt: skip


class NotThere(RunError, AttributeError):
    """A name that the module has not; for `hasattr` it is an AttributeError like any other."""


def not_there(name: str) -> AttributeError:
    """What is raised where the module is asked for a name that it has not."""
    if name.startswith("_"):
        return AttributeError(f"module `whet.track` has no attribute `{name}`")
    said, hint = _ABSENT.get(name, ("it is none of the names that are taken over", "docs/guides/track.md lists them"))
    return NotThere(f"whet.track has no `{name}`: {said}", hint=hint)
