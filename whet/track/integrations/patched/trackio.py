"""Trackio: its `Run` is followed; the stand-in is `whet.track`, which has its names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whet.track.integrations.patched.foreign_media import converted
from whet.track.integrations.patched.patching import Patch
from whet.track.integrations.patched.whole import Whole
from whet.track.script.script_run import Run

LIBRARY = "trackio"


def stand_in(patch: Patch) -> Mapping[str, Any]:
    """`whet.track` under the library's name."""
    return Whole()


def follow(patch: Patch) -> None:
    """Record what its runs are told."""
    import trackio
    from trackio.run import Run as Theirs

    def ours(theirs: Any) -> Run:
        run = patch.begun(id(theirs), {"name": theirs.name, "project": theirs.project, "group": theirs.group})
        said = {name: value for name, value in (theirs.config or {}).items() if not str(name).startswith("_")}
        run.config.update({name: value for name, value in said.items() if run.config.get(name) != value})
        return run

    patch.before(Theirs, "log", lambda theirs, metrics, step=None: ours(theirs).log(converted(metrics), step))
    patch.before(Theirs, "alert", lambda theirs, *args, **named: ours(theirs).alert(*args, **named))
    patch.before(Theirs, "finish", lambda theirs: patch.ended(id(theirs)))
    patch.after(trackio, "init", lambda theirs, *args, **named: ours(theirs))
