"""Converted: media of a run as another tracker's objects; what that cannot make is told once a type, and left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from whet.base.errors import first_line
from whet.track.follow.plugin import FollowedRun
from whet.track.reading.read import Event

# Makes theirs of an entry, given the path of its file; an empty one where it has none.
Make = Callable[[Mapping[str, Any], str], Any]


def media_file(run: Path, entry: Mapping[str, Any]) -> Path:
    """The file of a medium. Raises LookupError for one outside the run folder, where no log may lead."""
    path = (run / str(entry.get("path") or "")).resolve()
    if not path.is_relative_to(run.resolve()) or not path.is_file():
        raise LookupError("its file is not in the run folder")
    return path


class Converter:
    """Makes the media of events by their types."""

    def __init__(self, run: FollowedRun, tracker: str, makers: Mapping[str, Make]) -> None:
        self._run, self._tracker, self._makers = run, tracker, makers
        self._told: set[str] = set()

    def all(self, event: Event) -> list[Any]:
        """Theirs for each entry that they know and can make."""
        return [one for entry in event.payload.get("entries") or [] if (one := self._made(entry)) is not None]

    def _made(self, entry: Mapping[str, Any]) -> Any:
        kind = str(entry.get("type"))
        try:
            if kind not in self._makers:
                raise LookupError("it has nothing like that")
            path = str(media_file(self._run.folder, entry)) if "path" in entry else ""
            return self._makers[kind](entry, path)
        except Exception as error:  # a file that is gone, a package of theirs that is missing, a form they do not know
            if kind not in self._told:
                self._told.add(kind)
                self._run.tell("warning", f"{self._tracker} gets no {kind}: {first_line(error)}")
            return None
