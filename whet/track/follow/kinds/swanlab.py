"""The follower `swanlab`: the run again on SwanLab, or in its offline folders, through their own package."""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from whet.base.catalogue import follower
from whet.base.errors import missing_package
from whet.base.settings import Output
from whet.track.follow.converted import Converter, Make
from whet.track.follow.plugin import Ending, FollowedRun, Follower, Logged
from whet.track.reading.read import Event
from whet.track.script.plain import plain


@follower("swanlab")
def swanlab(
    *, project: str | None = None, workspace: str | None = None,
    mode: Literal["cloud", "offline", "local"] | None = None, folder: Output = "swanlog",
) -> Follower:  # fmt: skip
    """The run on SwanLab, with the package `swanlab` and its own login.

    project: by default the run's own
    workspace: by default that of the login
    mode: `cloud`, `offline` or `local`; by default as SWANLAB_MODE says
    folder: where its files go, from the run folder
    """
    if importlib.util.find_spec("swanlab") is None:
        raise missing_package("swanlab", "swanlab", "a tee to swanlab")
    return SwanLabFollower(project, workspace, mode, folder)


class SwanLabFollower(Follower):
    """What goes back to earlier steps is left out by theirs, which keeps the first value of a step."""

    def __init__(self, project: str | None, workspace: str | None, mode: str | None, folder: str) -> None:
        self._project, self._workspace, self._mode, self._folder = project, workspace, mode, folder

    def start(self, run: FollowedRun, state: Mapping[str, Any]) -> None:
        import swanlab

        self._swanlab, self._media = swanlab, Converter(run, "swanlab", _makers(swanlab))
        self._id = str(state.get("id") or uuid.uuid4().hex[:21])
        folder = run.folder / self._folder
        folder.mkdir(parents=True, exist_ok=True)
        chosen = {"workspace": self._workspace, "mode": self._mode, "description": run.about.get("notes")}
        swanlab.init(
            project=self._project or run.about.get("project") or "whet", experiment_name=run.name, id=self._id,
            resume="allow", config=plain(run.config), logdir=str(folder),
            **{name: value for name, value in chosen.items() if value is not None},
        )  # fmt: skip

    def log(self, rows: Sequence[Logged]) -> None:
        for row in rows:
            self._swanlab.log(row.named(), step=row.step)

    def media(self, event: Event) -> None:
        if found := self._media.all(event):
            self._swanlab.log({str(event.payload.get("name")): found}, step=event.step)

    def event(self, event: Event) -> None:
        if event.kind == "config":
            self._swanlab.config.update(event.payload.get("values") or {})

    def finish(self, ending: Ending) -> None:
        if ending.status in ("done", "stopped"):
            self._swanlab.finish()
        else:
            self._swanlab.finish(state="crashed", error=ending.reason or ending.status)

    def state(self) -> dict[str, Any]:
        return {"id": self._id}


def _makers(swanlab: Any) -> dict[str, Make]:
    """Their media by the types of ours."""
    return {
        "image": lambda entry, path: swanlab.Image(path, caption=entry.get("caption")),
        "audio": lambda entry, path: swanlab.Audio(path, caption=entry.get("caption")),
        "video": lambda entry, path: swanlab.Video(path, caption=entry.get("caption")),
        "text": lambda entry, path: swanlab.Text(str(entry.get("text")), caption=entry.get("caption")),
    }
