"""Run: one run of a script, as `whet.track.init` gives it; logging to it never raises and never waits."""

from __future__ import annotations

import atexit
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.track.logs import frames
from whet.track.logs.event_log import EventLog
from whet.track.recorded.beside import Closable, Recorded, beside
from whet.track.script.artifacts import Artifact, ArtifactStore
from whet.track.script.latest import Latest
from whet.track.script.mappings import Told
from whet.track.script.media.base import MediaFolder
from whet.track.script.metrics import Defined
from whet.track.script.plain import plain
from whet.track.script.tensors import Waiting
from whet.track.script.values import NUMBERS, sorted_out

if TYPE_CHECKING:
    from whet.track.follow.order import Order


class Run:
    """A run that is being recorded. Made by `whet.track.init`.

    `id` is the folder's name, `name` what people call it. As a context manager it finishes at the end, as failed
    where an exception leaves it. Errors of a logging call are counted, told once on stderr, and end nothing.
    """

    def __init__(self, folder: Path, log: EventLog, about: Mapping[str, Any], known: Mapping[str, Any]) -> None:
        self.id, self.dir = folder.name, str(folder)
        self.resumed = bool(known.get("attempts"))
        self._about = dict(about)
        self._log, self._media = log, MediaFolder(folder)
        self._artifacts = ArtifactStore(folder.parent)
        self._step = int(known.get("next_step", 0))
        self._last = Latest()
        self._defined = Defined()
        self._waiting = Waiting(self._arrived)
        self._alerted: dict[str, float] = {}
        self._beside: list[Closable] = []
        self.config = Told(lambda changed: self._event("config", {"values": changed}), known.get("config"))
        self.summary = Summary(self, known.get("summary"))
        self._event("run", self._about)
        atexit.register(self._at_exit)

    def recording(self, wanted: Recorded) -> Run:
        """The run itself, whose environment, hardware and console are recorded from now on until its end."""
        folder, writer = self._log.path.parent, frames.parse_name(self._log.path)
        if writer is not None:
            self._beside += beside(folder, writer, lambda: self._step, wanted)
        return self

    @property
    def name(self) -> str:
        return str(self._about.get("name") or self.id)

    @name.setter
    def name(self, name: str) -> None:
        self._tell(name=str(name))

    @property
    def notes(self) -> str:
        return str(self._about.get("notes") or "")

    @notes.setter
    def notes(self, notes: str) -> None:
        self._tell(notes=str(notes))

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(self._about.get("tags") or ())

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        self._tell(tags=[str(tag) for tag in tags])

    @property
    def project(self) -> str:
        return str(self._about.get("project") or "")

    @property
    def group(self) -> str:
        return str(self._about.get("group") or "")

    @property
    def job_type(self) -> str:
        return str(self._about.get("job_type") or "")

    @property
    def entity(self) -> str:
        return str(self._about.get("entity") or "")

    @property
    def step(self) -> int:
        """The step of the next call that names none."""
        return self._step

    @property
    def path(self) -> Path:
        """The run folder."""
        return Path(self.dir)

    @property
    def url(self) -> str:
        """The run folder as a file URL: nothing of it is on a server."""
        return self.path.resolve().as_uri()

    def get_url(self) -> str:
        return self.url

    @property
    def is_open(self) -> bool:
        """Whether it still records: not once it has finished, nor in a forked process."""
        return not self._log.is_closed

    @property
    def dropped(self) -> int:
        """Records that could not be written so far."""
        return self._log.dropped

    def log(self, data: Mapping[str, Any], step: Any = None, commit: bool | None = None, **ignored: Any) -> None:
        """Log values at a step: numbers become curves, media go into the run folder, the rest is kept as JSON.

        Without `step` calls count up from 0, or from the last step of the run that is resumed; `commit=False` stays
        at the step. A step may come again or go back. A tensor on a device is copied without waiting for it and
        written at a later call, or at `finish`. Never raises: see `dropped`.
        """
        try:
            if step is None or commit is not None:
                at = self._next(step, commit)
            else:
                at = self._step = int(step)
            if self._waiting.calls:
                self._waiting.settle()
            values = tuple(data.values())
            for value in values:
                if type(value) not in NUMBERS:
                    self._log_sorted(at, data)
                    return
            names = tuple(data)
            self._log.row(time.time(), at, names, values)
            self._last.take(names, values)
            if self._defined.ways:
                self._defined.take(dict(data))
        except Exception as error:  # whatever is logged, the script goes on
            kind = type(data).__name__
            self._log.drop(error if isinstance(data, Mapping) else TypeError(f"`log` takes a dict, and this is {kind}"))

    def define_metric(
        self,
        name: str,
        step_metric: Any = None,
        step_sync: bool | None = None,
        hidden: bool | None = None,
        summary: str | None = None,
        goal: str | None = None,
        overwrite: bool | None = None,
        **more: Any,
    ) -> None:
        """Say over which other metric one is drawn, and what the summary keeps of it (`min`, `max`, `mean`, ...).

        `name` may be a pattern such as `train/*`. What of this is asked wrongly is dropped, and said.
        """
        try:
            self._defined.define(name, summary, goal)
            shown = {
                "step_metric": step_metric and str(step_metric),
                "hidden": hidden,
                "summary": summary,
                "goal": goal,
            }
            self._event("metric", {"name": name, **{k: v for k, v in {**shown, **more}.items() if v is not None}})
        except Exception as error:
            self._log.drop(error)

    def alert(self, title: str, text: str = "", level: Any = "INFO", wait_duration: Any = 0) -> None:
        """Record that somebody should know something. `level` is `INFO`, `WARN` or `ERROR`.

        At most one with the same title is recorded in `wait_duration` seconds (a number or a timedelta).
        """
        try:
            wait_s = wait_duration.total_seconds() if hasattr(wait_duration, "total_seconds") else float(wait_duration)
            if not self._may_alert(title, wait_s):
                return
            word = str(getattr(level, "value", level)).upper()
            self._event("alert", {"title": str(title), "text": str(text), "level": word})
        except Exception as error:
            self._log.drop(error)

    def log_artifact(
        self,
        artifact_or_path: Any,
        name: str | None = None,
        type: str | None = None,
        aliases: Iterable[str] | None = None,
        tags: Iterable[str] | None = None,
    ) -> Artifact:
        """Keep files under a name, as a new version unless they are those of the newest. Returns it with its version.

        A path stands for an artifact of that file or folder. What cannot be kept is counted and told like a call of
        `log`, and comes back without a version.
        """
        artifact = artifact_or_path if isinstance(artifact_or_path, Artifact) else Artifact(name or self.id)
        try:
            artifact = Artifact.of(artifact_or_path, name or f"run-{self.id}-files", type or "unspecified")
            artifact = self._artifacts.keep(artifact, aliases or (), tags or (), self.id)
            self._event("artifact", {"direction": "output", **artifact.about()})
        except Exception as error:  # a full disk, a file that is gone
            self._log.drop(error)
        return artifact

    def use_artifact(self, artifact_or_name: Any, type: str | None = None, aliases: Any = None) -> Artifact:
        """The artifact of that `name`, `name:version` or `name:alias`, recorded as what the run depends on.

        Raises RunError where there is none.
        """
        wanted = artifact_or_name.full_name if isinstance(artifact_or_name, Artifact) else str(artifact_or_name)
        found = self._artifacts.find(wanted)
        self._event("artifact", {"direction": "input", **found.about()})
        return found

    def log_code(self, root: str = ".", name: str | None = None, **ignored: Any) -> Artifact:
        """Keep the Python files under a folder as an artifact of type `code`."""
        code = Artifact(name or f"source-{self.project or self.id}", "code")
        for path in sorted(Path(root).rglob("*.py")):
            if not any(part.startswith(".") for part in path.relative_to(root).parts):
                code.add_file(str(path), str(path.relative_to(root)))
        return self.log_artifact(code)

    def save(self, glob_str: Any = None, base_path: Any = None, policy: str = "live") -> list[str]:
        """Copy the files that a pattern names into `files/` of the run folder. Returns where they lie."""
        import glob
        import shutil

        kept = []
        try:
            for found in sorted(glob.glob(os.fspath(glob_str or ""))):
                source = Path(found)
                base = Path(base_path) if base_path else source.parent
                target = self.path / "files" / Path(os.path.relpath(source, base)).as_posix().lstrip("./")
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_file():
                    shutil.copyfile(source, target)
                    kept.append(str(target))
        except Exception as error:
            self._log.drop(error)
        return kept

    def watch(self, models: Any = None, criterion: Any = None, log: Any = "gradients", **more: Any) -> None:
        """Taken so that scripts run; gradients are not recorded, and the run says so."""
        self._event("notice", {"level": "warning", "text": "watch: gradients and parameters are not recorded"})

    def follow(self, order: Order | None) -> None:
        """Start the process that hands on what is logged. Where there can be none, that is counted and told."""
        if order is None:
            return
        from whet.track.follow.start import start

        try:
            start(self.path, order)
        except OSError as error:
            self._log.drop(error)
        # At its exit a script ends first and waits for its follower then, if it does.
        atexit.unregister(self._at_exit)
        atexit.register(self._at_exit)

    def unwatch(self, models: Any = None) -> None:
        """The end of `watch`, which did nothing."""

    def finish(self, exit_code: Any = None, quiet: bool | None = None, *, state: Any = None, error: Any = None) -> None:
        """Write what still waits and the end: `done`, or `failed` where the exit code is not 0. Again does nothing."""
        failed = bool(error) or (isinstance(exit_code, int) and exit_code != 0)
        word = str(getattr(state, "value", state) or "").lower()
        outcome = "failed" if failed or word in ("crashed", "failed") else "stopped" if word == "aborted" else "done"
        self._end(outcome, str(error or (f"exit code {exit_code}" if failed else "")))

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._end(*_ended_by(error))

    def _next(self, step: Any, commit: bool | None) -> int:
        """The step of a call; `commit` and the absence of a step move the next one on."""
        at = self._step if step is None else int(step)
        self._step = at + 1 if commit or (commit is None and step is None) else at
        return at

    def _log_sorted(self, step: int, data: Mapping[str, Any]) -> None:
        """The way of calls that hold more than plain numbers."""
        found = sorted_out(data)
        if found.on_device:
            self._waiting.add(step, time.time(), found.numbers, found.on_device)
        elif found.numbers:
            self._log.scalars(step, found.numbers)
            self._last.update(found.numbers)
            self._defined.take(found.numbers)
        for name, media in found.media.items():
            self._event("media", {"name": name, "entries": [one.entry(self._media) for one in media]}, step)
        if found.others:
            self._event("values", {"values": found.others}, step)
            self._last.update(found.others)
        for name, kind in found.odd.items():
            self._log.drop(TypeError(f"`{name}` is of type {kind}, which is neither a number, a text nor a medium"))

    def _arrived(self, step: int, moment: float, copies: Mapping[str, Any]) -> None:
        """Write a call whose tensors have come from their device."""
        found = sorted_out(copies)
        if found.numbers:
            self._log.scalars_at(moment, step, found.numbers)
            self._last.update(found.numbers)
            self._defined.take(found.numbers)
        for name, media in found.media.items():
            self._event("media", {"name": name, "entries": [one.entry(self._media) for one in media]}, step)

    def _event(self, kind: str, payload: Mapping[str, Any], step: int | None = None) -> None:
        self._log.event(kind, self._step if step is None else step, payload)

    def _tell(self, **changed: Any) -> None:
        self._about.update(changed)
        self._event("run", changed)

    def _may_alert(self, title: str, wait_s: float) -> bool:
        """Whether so much time has passed since the last alert of that title."""
        now = time.monotonic()
        if title in self._alerted and now - self._alerted[title] < wait_s:
            return False
        self._alerted[title] = now
        return True

    def _end(self, outcome: str, reason: str) -> None:
        try:
            self._waiting.settle(wait=True)
            figures = self.summary.as_dict()
            if figures and self.is_open:
                self._event("summary", {"values": plain(figures), "final": True})
        except Exception as error:
            self._log.drop(error)
        for one in self._beside:
            one.close()
        self._beside.clear()
        was_open = self.is_open
        self._log.close(outcome, reason)
        if was_open:
            from whet.track.reading.leave_listing import leave_listing

            leave_listing(self._log.path.parents[1])
        atexit.unregister(self._at_exit)

    def _at_exit(self) -> None:
        """The script ended without `finish`; Python keeps the exception that ended it, if one did."""
        error = getattr(sys, "last_value", None)
        outcome, reason = _ended_by(error)
        self._end(outcome, reason or "the script ended without `finish`")


class Summary(Told):
    """The last value of everything logged, what `define_metric` asks for, and what the script sets itself."""

    def __init__(self, run: Run, known: Mapping[str, Any] | None) -> None:
        super().__init__(lambda changed: run._event("summary", {"values": changed}), known)
        self.__dict__["_run"] = run

    def __getitem__(self, name: str) -> Any:
        return self.as_dict()[name]

    def __getattr__(self, name: str) -> Any:
        if name in (found := self.as_dict()):
            return found[name]
        raise AttributeError(f"the summary has no `{name}`")

    def __iter__(self) -> Any:
        return iter(self.as_dict())

    def __len__(self) -> int:
        return len(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        found = self._run._last.as_dict()
        self._run._defined.apply(found)
        return {**found, **self._values}


def _ended_by(error: BaseException | None) -> tuple[str, str]:
    """Outcome and reason of a script that an exception, or none, has ended."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return "done", ""
    if isinstance(error, KeyboardInterrupt):
        return "stopped", "interrupted"
    return "failed", f"{type(error).__name__}: {error}".splitlines()[0][:300]
