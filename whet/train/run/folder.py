"""The run folder: where everything that belongs to a run lies."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.documents import field
from whet.base.errors import RunError
from whet.base.paths import twin_of
from whet.base.regular import opened, refuse_odd
from whet.base.run import Run
from whet.base.sealed import read_perhaps_sealed, sealed
from whet.track.reading.store import free_name
from whet.train.run.lock import NAME as LOCK
from whet.train.run.lock import RunLock

_FILES = (
    "config.yaml", "plan.json", "resolved.json", "ledger.jsonl", "controls", "dependencies.json", "records.jsonl",
    "reference.npz", "checkpoints/latest", "capacity.json",
)  # fmt: skip
_FOLDERS = ("checkpoints", "track", "model", "evaluations", "exports", "media")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run: config.yaml, resolved.json, ledger.jsonl, controls, track/, checkpoints/, model/."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def resolved(self) -> Path:
        """What `auto` settings became; pinned so that a resumed run repeats them."""
        return self.path / "resolved.json"

    @property
    def ledger(self) -> Path:
        return self.path / "ledger.jsonl"

    @property
    def controls(self) -> Path:
        return self.path / "controls"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        return self.path / "model"

    @classmethod
    def create(cls, run: Run, config_yaml: str) -> tuple[RunFolder, RunLock]:
        """Make and lock the folder of a new run. Raises RunError when a run of that name exists.

        A folder without a config is what a kill at birth left behind, and is taken over.
        """
        folder = cls.refuse_taken(run)
        try:
            folder.checkpoints.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"cannot make the run folder: {error.strerror}", at=str(folder.path), hint="track.folder=~/runs"
            ) from None
        folder.refuse_odd_files()
        if os.path.lexists(folder.model):  # the run's own would not be written
            raise RunError(
                f"a model lies where `{folder.name}` would put its own", at=str(folder.model),
                hint=f"mv {folder.model} {folder.model}.old, or name={folder.name}-2",
            )  # fmt: skip
        lock = RunLock.take(folder.path)
        try:
            cls.refuse_taken(run, folder)  # another that was as quick may have come first, and be over
            write_atomically(folder.config, config_yaml)
        except BaseException:
            lock.release()
            raise
        return folder, lock

    @classmethod
    def refuse_taken(cls, run: Run, folder: RunFolder | None = None) -> RunFolder:
        """The folder that a new run would have. Raises RunError when a run of that name exists."""
        folder = folder or cls(Path(run.track.folder).resolve() / (run.name or default_name(run)))
        if folder.config.exists():
            raise RunError(
                f"the run `{folder.name}` exists already",
                at=str(folder.path),
                hint=f"continue it with `whet train {folder.path}`, or name={free_name(folder.path)}",
            )
        beside = [path.name for path in folder.path.parent.iterdir()] if folder.path.parent.is_dir() else []
        if twin := twin_of(folder.name, beside):
            raise RunError(
                f"`{folder.name}` and `{twin}`, which exists, are one name where capitals do not count",
                at=str(folder.path.parent),
                hint=f"name={folder.name}-2",
            )
        return folder

    def refuse_odd_files(self) -> None:
        """Raise RunError where a pipe or the like lies in a file's place, which the run would wait for, or a folder in
        that of a file, and the other way round, which it would stumble over at its end."""
        for part in (self.path, self.path / "track", self.checkpoints):
            refuse_odd(part, RunError)
        for name in (*_FILES, *(f"{name}.part" for name in _FILES)):
            if (self.path / name).is_dir():
                self._refuse_kind(name, "a folder, and no file")
        for name in _FOLDERS:
            if (self.path / name).is_file():
                self._refuse_kind(name, "a file, and no folder")

    def _refuse_kind(self, name: str, what: str) -> None:
        path = self.path / name
        raise RunError(f"`{name}` is {what}", at=str(path), hint=f"mv {path} {path}.moved")

    def give_up(self) -> None:
        """Free the name of a run that was refused before its first step; what else lies in the folder stays."""
        self.config.unlink(missing_ok=True)
        for path in (self.ledger, self.path / LOCK):
            path.unlink(missing_ok=True)
        for folder in (self.checkpoints, self.path):
            with contextlib.suppress(OSError):  # not empty
                folder.rmdir()

    def read_resolved(self) -> dict[str, Any]:
        """The pinned values, or nothing before the first step. Raises RunError where they are damaged."""
        path = self.resolved
        if not os.path.lexists(path):
            return {}
        hint = f"rm -r {path}, which finds out anew what was `auto`: equal to rounding, if the machine is the same"
        stored = read_perhaps_sealed(path, RunError, hint)
        for form, names in {int: ("micro_batch",), str: ("precision",), dict: ("environment",)}.items():
            for name in names:
                field(stored, name, form, at=str(path), error=RunError, hint=hint)
        for name in ("threads", "ranks"):
            field(stored["environment"], name, int, at=f"{path}: environment", error=RunError, hint=hint)
        return stored

    def write_resolved(self, values: dict[str, Any]) -> None:
        write_atomically(self.resolved, sealed(values))


def default_name(run: Run) -> str:
    """Objective, model and time: `sft-qwen3-0.6b-1123-181735`."""
    model = getattr(run.model, "path", None) or "new"
    stem = re.sub(r"[^a-z0-9.]+", "-", Path(str(model)).name.lower()).strip("-") or "model"
    return f"{run.objective.kind}-{stem}-{datetime.datetime.now():%m%d-%H%M%S}"


def write_atomically(path: Path, text: str) -> None:
    """Write a small file so that a reader, or a crash, sees the old or the new text and nothing between.

    Raises RunError where that cannot be done; the old text stays.
    """
    part = path.with_name(path.name + ".part")
    try:
        with opened(part, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise RunError(
            f"cannot write `{path.name}`: {error.strerror or error}",
            at=str(path),
            hint="free some space, and try again",
        ) from error
