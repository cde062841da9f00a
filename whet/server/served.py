"""What all routes share: the folder of runs, their logs as they are read, and the logs that this server writes."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from whet.base.errors import WhetError
from whet.base.paths import file_name
from whet.server.access.asked import Placing
from whet.server.access.person import EVERY, asking
from whet.server.errors import Refusal, missing, no_run
from whet.server.files import inside
from whet.server.push.owners import Owners
from whet.track.diagnosis.kept import Kept
from whet.track.reading.board import Board, Entry
from whet.track.reading.kept import Histories
from whet.track.reading.read import History
from whet.track.reading.request_table import RequestTables
from whet.track.reading.rows import Row
from whet.track.reading.store import Summary, is_run
from whet.track.script.described import described


class Served:
    """A folder of runs, as the routes see it."""

    def __init__(self, root: Path, placed: Placing | None = None) -> None:
        self.root, self._placed = Path(root), placed
        self.histories = Histories()
        self.board = Board(self.root, self.histories)
        self.diagnoses = Kept()
        self.requests = RequestTables()
        self.owners = Owners(self.root)

    def folder(self, name: str) -> Path:
        """The folder of the run of that name. Raises Refusal where there is none."""
        try:
            folder = self.root / file_name(name, what="run")
        except WhetError as error:
            raise missing(error.message) from None
        if not is_run(folder):
            raise no_run(name)
        self._check(folder)
        return folder

    def made_here(self, name: str) -> Path:
        """The folder of a run whose files nobody has sent. Raises Refusal for others.

        What a config names is read, and its plug-ins are run: who may push runs could have them read or do anything.
        """
        folder = self.folder(name)
        if self.owners.is_pushed(name):
            hint = f"whet show {name} --step 1, or whet data inspect, on the machine where it ran"
            raise Refusal(
                "PERMISSION_DENIED", f"the files of `{name}` were pushed: its data is not read here", hint=hint
            )
        return folder

    def entries(self) -> list[Entry]:
        """All runs that whoever asks may see, the latest started first."""
        return [entry for entry in self.board.entries() if self.may_see(entry.summary)]

    def listed(self) -> list[tuple[Summary, Row]]:
        """The same, as summaries with their rows."""
        return [(entry.summary, entry.row) for entry in self.entries()]

    def entries_of(self, names: Collection[str]) -> list[Entry]:
        """The runs of these names, as they are now, in this order."""
        found = {entry.summary.name: entry for entry in self.entries()}
        return [found[name] for name in names if name in found]

    def may_see(self, run: Summary) -> bool:
        """Whether whoever asks may know of a run."""
        return asking().may_see(self._project(run))

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
            raise no_run(folder.name)
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

    def history(self, folder: Path) -> AbstractContextManager[History]:
        """The logs of a run, up to date; one thread at a time."""
        return self.histories.of(folder)


def served(request: Request) -> Served:
    """The folder of runs that the app of a request serves."""
    return request.app.state.served


Runs = Annotated[Served, Depends(served)]


async def body_of(request: Request) -> bytes:
    """The whole body of a request, as long as the guard lets it be."""
    return await request.body()


Body = Annotated[bytes, Depends(body_of)]
