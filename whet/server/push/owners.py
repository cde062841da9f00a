"""Whose a run is that was pushed: who did so, and by which log it is known.

<root>/.pushed/owners/<run>.json. A run without one was made here, and nobody pushes to it; of runs that were pushed
before this was noted there are blocks, and whoever may do everything goes on with them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.server.access.person import Role, asking

# Where blocks of files lie that were pushed, a folder a run.
BLOCKS, OWNERS = ".pushed/blocks", ".pushed/owners"


class Owners:
    """The owners of pushed runs. The log in a record tells the run from another that takes its name later."""

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    def note(self, run: str, births: Mapping[str, bytes]) -> None:
        """Whoever asks pushes a new run, whose logs begin so. Raises OSError."""
        path = self._path(run)
        log, birth = next(iter(births.items()))
        said = {"by": asking().person.name, "log": log, "bytes": len(birth), "sha256": _sha256(birth)}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{run}.part")
        part.write_text(json.dumps(said), encoding="utf-8")
        os.replace(part, path)

    def forget(self, run: str) -> None:
        """A run is not pushed after all."""
        self._path(run).unlink(missing_ok=True)

    def is_pushed(self, run: str) -> bool:
        """Whether a run may have come from elsewhere: what its config names is then not of this machine. A record
        whose log has changed still says so."""
        return self._path(run).exists() or (self._root / BLOCKS / run).exists()

    def is_mine(self, run: str) -> bool:
        """Whether whoever asks has pushed a run, and may go on."""
        person = asking().person
        if self._path(run).exists():
            found = self._found(run)
            return found is not None and found.get("by") == person.name
        return (self._root / BLOCKS / run).exists() and person.everywhere >= Role.ADMIN

    def _found(self, run: str) -> dict[str, Any] | None:
        """The record of a run, if it is of the one that has the name now."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(self._path(run).read_bytes())
            with (self._root / run / found["log"]).open("rb") as file:
                return found if _sha256(file.read(int(found["bytes"]))) == found["sha256"] else None
        return None

    def _path(self, run: str) -> Path:
        return self._root / OWNERS / f"{run}.json"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
