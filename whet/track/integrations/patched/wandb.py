"""Weights & Biases: its `Run` is followed; the stand-in is `whet.track`, which has its names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whet.track.integrations.patched.foreign_media import converted
from whet.track.integrations.patched.patching import Patch
from whet.track.integrations.patched.whole import Whole
from whet.track.script.mappings import as_mapping
from whet.track.script.script_run import Run

LIBRARY = "wandb"
# What the module points to the run that is open.
_POINTERS = ("log", "alert", "define_metric", "finish")


def stand_in(patch: Patch) -> Mapping[str, Any]:
    """`whet.track` under the library's name."""
    return Whole()


def follow(patch: Patch) -> None:
    """Record what its runs are told."""
    import wandb
    from wandb.sdk.wandb_run import Run as Theirs

    def ours(theirs: Any) -> Run:
        about = {
            "project": theirs.project, "name": theirs.name, "group": theirs.group, "job_type": theirs.job_type,
            "tags": theirs.tags, "notes": theirs.notes, "entity": theirs.entity,
        }  # fmt: skip
        run = patch.begun(theirs.id, about)
        said = dict(theirs.config)
        run.config.update({name: value for name, value in said.items() if run.config.get(name, _UNSET) != value})
        return run

    def logged(theirs: Any, data: Mapping[str, Any], step: Any = None, commit: Any = None, **more: Any) -> None:
        ours(theirs).log(converted(data), step, commit)

    def finished(theirs: Any, exit_code: Any = None, *more: Any, **named: Any) -> None:
        run = ours(theirs)
        set_by_script = {name: value for name, value in as_mapping(theirs.summary._as_dict()).items() if name[0] != "_"}
        run.summary.update({name: value for name, value in set_by_script.items() if name not in run.summary})
        patch.ended(theirs.id, failed=bool(exit_code))

    patch.before(Theirs, "log", logged)
    patch.before(Theirs, "define_metric", lambda theirs, *args, **named: ours(theirs).define_metric(*args, **named))
    patch.before(Theirs, "alert", lambda theirs, *args, **named: ours(theirs).alert(*args, **named))
    patch.before(Theirs, "finish", finished)
    patch.after(wandb, "init", lambda theirs, *args, **named: ours(theirs))
    if wandb.run is not None:
        ours(wandb.run)
        for name in _POINTERS[:-1]:
            patch.put(wandb, name, getattr(wandb.run, name))


_UNSET = object()
