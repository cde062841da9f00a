"""In which project a run was made through the server: what its log says later changes nobody's rights."""

from __future__ import annotations

from whet.server.access.database import Database


class Placed:
    """Projects of runs by name. Runs that were made on the server's own disk are not among them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, run: str) -> str | None:
        """The project that a run was made in."""
        with self._database.reading() as db:
            row = db.execute("select project from placed where run = ?", (run,)).fetchone()
        return row["project"] if row else None

    def put(self, run: str, project: str) -> None:
        """Note it."""
        with self._database.writing() as db:
            db.execute("insert or replace into placed values (?, ?)", (run, project))
