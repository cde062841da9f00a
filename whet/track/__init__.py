"""Track: the record of a run, written while it trains and read while it lives and after.

In scripts: `import whet.track as track`, or `as wandb`, `as swanlab`; docs/guides/track.md tells how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whet.track.logs.ending import launch
from whet.track.script import plot
from whet.track.script.absent import not_there
from whet.track.script.api import (
    LIVE,
    Settings,
    alert,
    define_metric,
    finish,
    get_run,
    init,
    log,
    log_artifact,
    login,
    save,
    setup,
    teardown,
    unwatch,
    use_artifact,
    watch,
)
from whet.track.script.artifacts import Artifact
from whet.track.script.media import Audio, Histogram, Html, Image, Object3D, Table, Text, Video
from whet.track.script.script_run import Run

if TYPE_CHECKING:
    from whet.track.integrations.patched import Patch
    from whet.track.script.mappings import Told

    run: Run | None
    config: Told
    summary: Told

__all__ = [
    "Artifact", "Audio", "Histogram", "Html", "Image", "Object3D", "Run", "Settings", "Table", "Text", "Video", "alert",
    "config", "define_metric", "finish", "get_run", "init", "launch", "log", "log_artifact", "login", "patch", "plot",
    "run", "save", "setup", "summary", "teardown", "unwatch", "use_artifact", "watch",
]  # fmt: skip


def patch(name: str, *, only: bool = False, **settings: Any) -> Patch:
    """Record what is reported to another tracker: `whet.track.integrations.patched.patch`, imported when asked for."""
    from whet.track.integrations.patched import patch as patched

    return patched(name, only=only, **settings)


def __getattr__(name: str) -> Any:
    """`run`, `config` and `summary` are those of the run that is open now."""
    if name in LIVE:
        return LIVE[name]()
    raise not_there(name)
