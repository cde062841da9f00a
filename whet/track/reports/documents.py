"""Documents: files of JSON in a folder, one an id, each written as a whole by one process at a time."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from whet.base.errors import RunError

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
M = TypeVar("M", bound=BaseModel)


class Documents(Generic[M]):
    """Documents of one model. `what` is their name in messages, `hint` what lists them."""

    def __init__(self, folder: Path, model: type[M], what: str, hint: str) -> None:
        self.folder, self._model, self._what, self._hint = folder, model, what, hint

    def listed(self) -> list[M]:
        """All of them by id. Files that hold none are left out."""
        paths = sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ()
        return [one for path in paths if (one := self._read(path)) is not None]

    def find(self, id: str) -> M:
        """One of them. Raises RunError where there is none of that id."""
        path = self.path(id)
        found = self._read(path)
        if found is None and path.exists():
            raise RunError(f"the {self._what} `{id}` is damaged", at=str(path), hint=self._restored(path))
        if found is None:
            raise RunError(f"there is no {self._what} `{id}`", at=str(self.folder), hint=self._hint)
        return found

    def _restored(self, path: Path) -> str:
        """How to have its last version again, where versions are kept; else how to be rid of it."""
        past = path.with_suffix(".versions")
        return f"tail -n 1 {past} > {path}" if past.is_file() else f"mv {path} {path}.damaged"

    def has(self, id: str) -> bool:
        """Whether an id is taken."""
        return self.path(id).exists()

    def write(self, id: str, document: M) -> M:
        """Write one, under the lock. Raises RunError where the disk does not take it."""
        path = self.path(id)
        part = path.with_suffix(".part")
        try:
            part.write_text(document.model_dump_json(), encoding="utf-8")
            os.replace(part, path)
        except OSError as error:
            said = f"the {self._what} cannot be written: {error.strerror}"
            raise RunError(said, at=str(path), hint="make room, or let the folder be written to") from None
        return document

    def remove(self, id: str) -> None:
        """Remove one. Raises RunError where there is none of that id."""
        with self.locked():
            self.find(id)
            self.path(id).unlink()

    def path(self, id: str) -> Path:
        """Where one lies. Raises RunError for what is no id."""
        if not _ID.fullmatch(id):
            raise RunError(f"{ascii(id[:80])} is no id of a {self._what}", at=str(self.folder), hint=self._hint)
        return self.folder / f"{id}.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While documents are read and written by this process alone. Raises RunError where the folder cannot be."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = (self.folder / ".lock").open("a")
        except OSError as error:
            said = f"no {self._what} can be written here: {error.strerror}"
            raise RunError(said, at=str(self.folder), hint="let the folder be written to") from None
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def parsed(self, text: str) -> M | None:
        """A document from its JSON; None for what is none."""
        try:
            return self._model.model_validate_json(text)
        except ValidationError:
            return None

    def _read(self, path: Path) -> M | None:
        try:
            return self.parsed(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return None
