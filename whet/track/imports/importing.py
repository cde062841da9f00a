"""Importing: readers find what lies below a path, and each run is written once, however often it is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whet.base.errors import RunError
from whet.track.imports.foreign import Foreign, Reader
from whet.track.imports.readers import (
    mlflow_database,
    mlflow_files,
    swanlab,
    swanlab_backup,
    swanlab_database,
    tensorboard,
    trackio,
    wandb,
)
from whet.track.imports.writing import imported, write
from whet.track.logs import frames
from whet.track.reading.catalogue import said_by_name
from whet.track.reading.store import LOGS
from whet.track.terminal.progress import printable

READERS: tuple[Reader, ...] = (
    tensorboard, wandb, swanlab, swanlab_backup, swanlab_database, mlflow_database, mlflow_files, trackio
)  # fmt: skip


# So many notes of a run stand in its line; all are in its log.
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a run: its name here, its tracker, whether something was written, and what is missing."""

    name: str
    tracker: str
    change: str
    notes: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether all of it was read."""
        return not self.notes

    def line(self) -> str:
        """In one line."""
        rest = len(self.notes) - _SHOWN
        notes = [*self.notes[:_SHOWN], *([f"and {rest} more"] if rest > 0 else [])]
        return printable("; ".join([f"{self.name}: {self.change}, from {self.tracker}", *notes]))


def import_runs(path: str | Path, root: str | Path) -> Iterator[Imported]:
    """Import every run of another tracker at a path or below it, and tell of each.

    A run that is here already is left as it is, or written anew where its source has changed. Raises RunError where
    there is none.
    """
    path, root = Path(path), Path(root)
    if not path.exists():
        raise RunError("there is nothing", at=str(path), hint="the path of a folder or file of another tracker")
    if ours := next((place for place in (path, *path.resolve().parents) if is_ours(place)), None):
        raise RunError(
            "this is a run of whet already, and no other tracker's", at=str(ours),
            hint=f"whet show {ours}; to have it elsewhere: cp -r {ours} {root}/",
        )  # fmt: skip
    files = list(_files(path))
    top = path if path.is_dir() else path.parent
    here = imported(said_by_name(root))
    is_any = False
    for reader in READERS:
        for run in reader.runs(files, top):
            is_any = True
            yield _taken(run, root, here)
    if not is_any:
        known = ", ".join(dict.fromkeys(reader.TRACKER for reader in READERS))
        hint = f"known are {known}"
        if path.is_dir() and any(is_ours(place) for place in path.iterdir()):
            hint = f"runs of whet lie here, which need no import: whet runs --root {path}; {hint}"
        raise RunError("there is no run of another tracker here", at=str(path), hint=hint)


def _taken(run: Foreign, root: Path, here: dict[tuple[str, str], tuple[str, str]]) -> Imported:
    name, content = here.get((run.tracker, run.key), ("", ""))
    if name and content == run.content:
        return Imported(name, run.tracker, "is here already", ())
    folder = write(run, root, root / name if name else None)
    here[(run.tracker, run.key)] = folder.name, run.content
    return Imported(folder.name, run.tracker, "updated" if name else "imported", tuple(run.notes))


def is_ours(folder: Path) -> bool:
    """Whether a folder is a run of whet, by its log."""
    return any(frames.parse_name(path) for path in (folder / LOGS).glob(f"*{frames.LOG}"))


def _files(path: Path) -> Iterator[Path]:
    """Regular files at a path or below it, by name; folders that links lead to are passed over, and runs of ours.

    A tee or an export may have left what looks like another tracker's run in the folder of one of ours.
    """
    if path.is_file():
        yield path
    for place, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not is_ours(Path(place, name)))
        for name in sorted(names):
            found = Path(place, name)
            if found.is_file():
                yield found
