"""The boards of a folder of runs: <root>/.boards/<id>.json."""

from __future__ import annotations

import time
from pathlib import Path

from whet.base.errors import RunError
from whet.track.boards.board import Board, Entry, Task
from whet.track.reports.documents import Documents

FOLDER = ".boards"


class Boards:
    """Boards to read and to write; processes may share the folder."""

    def __init__(self, root: Path) -> None:
        self._kept = Documents(Path(root) / FOLDER, Board, "board", "whet boards list")

    def listed(self) -> list[Board]:
        """All boards by id."""
        return self._kept.listed()

    def find(self, id: str) -> Board:
        """A board. Raises RunError where there is none."""
        return self._kept.find(id)

    def make(self, id: str, task: Task) -> Board:
        """A new board. What it asks for never changes: another task is another board."""
        with self._kept.locked():
            if self._kept.has(id):
                raise RunError(f"there is a board `{id}` already", at=str(self._kept.folder), hint=f"{id}-2 as its id")
            return self._kept.write(id, Board(**task.model_dump(), id=id, made=time.time()))

    def enter(self, id: str, entry: Entry) -> Board:
        """Add an entry; one of the same run takes the place of its former one."""
        with self._kept.locked():
            board = self.find(id)
            others = [one for one in board.entries if one.run != entry.run]
            return self._kept.write(id, board.model_copy(update={"entries": [*others, entry]}))

    def withdraw(self, id: str, run: str) -> Board:
        """Take an entry away. Raises RunError where there is none of that run."""
        with self._kept.locked():
            board = self.find(id)
            others = [one for one in board.entries if one.run != run]
            if len(others) == len(board.entries):
                raise RunError(f"`{run}` is not on it", at=f"board {id}", hint=f"whet boards show {id}")
            return self._kept.write(id, board.model_copy(update={"entries": others}))

    def remove(self, id: str) -> None:
        """Remove a board with its entries; the runs stay. Raises RunError where there is none."""
        self._kept.remove(id)
