"""The follower `wandb`: the run again on Weights & Biases, or in its offline folders, through their own package."""

from __future__ import annotations

import html
import importlib.util
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from whet.base.catalogue import follower
from whet.base.errors import missing_package
from whet.base.settings import Output
from whet.track.follow.converted import Converter, Make
from whet.track.follow.plugin import Ending, FollowedRun, Follower, Logged
from whet.track.reading.read import Event
from whet.track.script.plain import plain

# Steps of ours may go back, theirs may not: ours are a metric over which the others are drawn.
STEP = "trainer/global_step"
# Theirs is longer than a follower may hang.
_PATIENCE_S = 45.0
_LEVELS = {"info": "INFO", "warn": "WARN", "warning": "WARN", "error": "ERROR", "alarm": "ERROR"}


@follower("wandb")
def wandb(
    *, project: str | None = None, entity: str | None = None, mode: Literal["online", "offline"] | None = None,
    folder: Output | None = None,
) -> Follower:  # fmt: skip
    """The run on Weights & Biases, with the package `wandb` and its own login.

    project: by default the run's own
    entity: by default that of the login
    mode: `online` or `offline`; by default as WANDB_MODE says
    folder: where its files go; by default the run folder
    """
    if importlib.util.find_spec("wandb") is None:
        raise missing_package("wandb", "wandb", "a tee to wandb")
    return WandbFollower(project, entity, mode, folder)


class WandbFollower(Follower):
    """Their run has our run's id, so that another attempt goes on with it."""

    def __init__(self, project: str | None, entity: str | None, mode: Any, folder: str | None) -> None:
        self._project, self._entity, self._mode, self._folder = project, entity, mode, folder

    def start(self, run: FollowedRun, state: Mapping[str, Any]) -> None:
        import wandb

        self._wandb, self._media = wandb, Converter(run, "wandb", _makers(wandb))
        self._id = str(state.get("id") or uuid.uuid4().hex[:8])
        self._run = wandb.init(
            project=self._project or run.about.get("project") or "whet", entity=self._entity, mode=self._mode,
            name=run.name, id=self._id, resume="allow", dir=self._folder or str(run.folder),
            group=run.about.get("group"), job_type=run.about.get("job_type"), notes=run.about.get("notes"),
            tags=run.about.get("tags"), config=plain(run.config),
            settings=wandb.Settings(
                init_timeout=_PATIENCE_S, console="off", x_disable_stats=True, disable_code=True, disable_git=True
            ),
        )  # fmt: skip
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)

    def log(self, rows: Sequence[Logged]) -> None:
        for row in rows:
            self._run.log({**row.named(), STEP: row.step})

    def media(self, event: Event) -> None:
        if found := self._media.all(event):
            self._run.log({str(event.payload.get("name")): found if len(found) > 1 else found[0], STEP: event.step})

    def event(self, event: Event) -> None:
        said = event.payload
        if event.kind == "config":
            self._run.config.update(said.get("values") or {}, allow_val_change=True)
        elif event.kind == "summary":
            self._run.summary.update(said.get("values") or {})
        elif event.kind == "alert":
            level = _LEVELS.get(str(said.get("level")).lower(), "INFO")
            self._run.alert(str(said.get("title")), str(said.get("text")), level=self._wandb.AlertLevel[level])

    def finish(self, ending: Ending) -> None:
        self._run.finish(exit_code=0 if ending.status in ("done", "stopped") else 1)

    def state(self) -> dict[str, Any]:
        return {"id": self._id}


def _makers(wandb: Any) -> dict[str, Make]:
    """Their media by the types of ours."""
    return {
        "image": lambda entry, path: wandb.Image(path, caption=entry.get("caption")),
        "audio": lambda entry, path: wandb.Audio(path, caption=entry.get("caption")),
        "video": lambda entry, path: wandb.Video(path, caption=entry.get("caption")),
        "html": lambda entry, path: wandb.Html(path),
        "histogram": lambda entry, path: wandb.Histogram(np_histogram=(entry["counts"], entry["edges"])),
        "text": lambda entry, path: wandb.Html(f"<pre>{html.escape(str(entry.get('text')))}</pre>"),
        "table": lambda entry, path: _table(wandb, json.loads(Path(path).read_text(encoding="utf-8"))),
    }


def _table(wandb: Any, stored: Mapping[str, Any]) -> Any:
    """A table of theirs; a cell that is a medium becomes its text or the path of its file."""
    cells = [
        [cell.get("text", cell.get("path")) if isinstance(cell, Mapping) else cell for cell in row]
        for row in stored["data"]
    ]
    return wandb.Table(columns=stored["columns"], data=cells, allow_mixed_types=True)
