"""What all routes share: the folder of runs, their logs as they are read, and the logs that this server writes."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from whet.base.errors import WhetError
from whet.base.paths import file_name
from whet.server.access.asked import Placing
from whet.server.access.person import EVERY, asking
from whet.server.errors import Refusal, missing
from whet.server.files import inside
from whet.track.reading.read import History
from whet.track.reading.rows import Row, listed
from whet.track.reading.store import LOGS, Summary, is_run
from whet.track.script.described import described

# Logs of so many runs are kept read.
_KEPT = 64


@dataclass(slots=True)
class _Kept:
    """Logs as they were read, the files that they are, and the lock of whoever reads them."""

    logs: History
    files: dict[str, int]
    lock: threading.Lock = field(default_factory=threading.Lock)


class Served:
    """A folder of runs, as the routes see it."""

    def __init__(self, root: Path, placed: Placing | None = None) -> None:
        self.root, self._placed = Path(root), placed
        self._histories: OrderedDict[Path, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def folder(self, name: str) -> Path:
        """The folder of the run of that name. Raises Refusal where there is none."""
        try:
            folder = self.root / file_name(name, what="run")
        except WhetError as error:
            raise missing(error.message) from None
        if not is_run(folder):
            raise missing(f"there is no run `{name}`")
        self._check(folder)
        return folder

    def listed(self) -> list[tuple[Summary, Row]]:
        """All runs that whoever asks may see, the latest started first, each with its row."""
        return [pair for pair in listed(self.root) if asking().may_see(self._project(pair[0]))]

    def place(self, run: str, project: str) -> None:
        """A run is about to be made in a project. Raises Refusal where whoever asks may not do that."""
        self.check_project(project)
        if self._placed is not None:
            self._placed.put(run, project)

    def check_project(self, project: str) -> None:
        """Raises Refusal where whoever asks may not do in a project what they ask for."""
        if not asking().may(project):
            raise Refusal("PERMISSION_DENIED", f"this needs the role {asking().needed.word} in `{project}`")

    def _check(self, folder: Path) -> None:
        if asking().may(EVERY):
            return
        project = self._placed_in(folder.name)
        if project is None:
            with self.history(folder) as logs:
                project = str(described(logs).about.get("project") or "")
        if not asking().may_see(project):
            raise missing(f"there is no run `{folder.name}`")
        self.check_project(project)

    def _project(self, run: Summary) -> str:
        placed = None if asking().may_see(EVERY) else self._placed_in(run.name)
        return run.project if placed is None else placed

    def _placed_in(self, run: str) -> str | None:
        return self._placed.find(run) if self._placed is not None else None

    def file(self, folder: Path, path: str) -> Path:
        """A regular file within a run. Raises Refusal where there is none, or it would lie elsewhere."""
        found = inside(folder, path)
        if not found.is_file():
            raise missing(f"the run `{folder.name}` has no file `{path}`")
        return found

    @contextmanager
    def history(self, folder: Path) -> Iterator[History]:
        """The logs of a run, up to date; one thread at a time."""
        files = _files(folder)
        with self._lock:
            kept = self._histories.get(folder)
            # A log that has taken another's place (an import, written anew) is not what has been read of it.
            if kept is None or any(files.get(name) != inode for name, inode in kept.files.items()):
                kept = _Kept(History(folder / LOGS), files)
            kept.files.update(files)
            self._histories[folder] = kept
            self._histories.move_to_end(folder)
            while len(self._histories) > _KEPT:
                self._histories.popitem(last=False)
        with kept.lock:
            kept.logs.refresh()
            yield kept.logs


def _files(folder: Path) -> dict[str, int]:
    """The logs of a run by name, with their inodes."""
    try:
        return {entry.name: entry.inode() for entry in os.scandir(folder / LOGS) if entry.name.endswith(".tlog")}
    except OSError:  # no logs yet
        return {}


def served(request: Request) -> Served:
    """The folder of runs that the app of a request serves."""
    return request.app.state.served


Runs = Annotated[Served, Depends(served)]


async def body_of(request: Request) -> bytes:
    """The whole body of a request, as long as the guard lets it be."""
    return await request.body()


Body = Annotated[bytes, Depends(body_of)]


def refuse_full(error: OSError, what: str) -> Refusal:
    """What a disk that does not take something comes to."""
    return Refusal("INTERNAL_ERROR", f"{what} cannot be written: {error.strerror or os.strerror(error.errno or 0)}")
