"""SwanLab: its `Run` is followed; the stand-in is `whet.track`, which has its names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whet.track.integrations.patched.foreign_media import converted
from whet.track.integrations.patched.patching import Patch
from whet.track.integrations.patched.whole import Whole
from whet.track.script.script_run import Run

LIBRARY = "swanlab"


def stand_in(patch: Patch) -> Mapping[str, Any]:
    """`whet.track` under the library's name."""
    return Whole()


def follow(patch: Patch) -> None:
    """Record what its runs are told."""
    import swanlab

    def ours(theirs: Any, project: Any = None) -> Run:
        run = patch.begun(theirs.id, {"name": theirs.name, "project": project})
        said = dict(theirs.config)
        run.config.update({name: value for name, value in said.items() if run.config.get(name) != value})
        return run

    def finished(theirs: Any, state: Any = "success", error: Any = None, *more: Any, **named: Any) -> None:
        ours(theirs)
        patch.ended(theirs.id, failed=bool(error) or str(getattr(state, "value", state)) in ("crashed", "failed"))

    patch.before(swanlab.Run, "log", lambda theirs, data, step=None: ours(theirs).log(converted(data), step))
    patch.before(swanlab.Run, "finish", finished)
    patch.after(swanlab, "init", lambda theirs, *args, **named: ours(theirs, named.get("project", *args[:1])))
