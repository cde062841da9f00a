"""Edits: tags, notes, group, pinned and archived of one run or many, and how to take it back."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from whet.server.access.person import asking
from whet.server.answers.edits import RunsEdited, RunsPatch
from whet.server.answers.values import Answer
from whet.server.routes.reading import listed
from whet.server.served import Runs
from whet.track.edits.edit import Edit
from whet.track.edits.journal import edit_all

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


@router.patch("", response_class=Answer, response_model=RunsEdited)
def patch(served: Runs, asked: RunsPatch) -> Answer:
    """Change what is said of runs. All is checked before the first is changed; `undo` takes it back."""
    names = list(dict.fromkeys(asked.names))
    folders = [served.folder(name) for name in names]
    one = Edit(tuple(asked.add_tags), tuple(asked.remove_tags), **asked.set.model_dump(), by=asking().person.name)
    one.check()
    undo: dict[tuple[Any, ...], dict[str, Any]] = {}
    for entry in served.entries_of(names):
        inverse = one.undone(entry.summary.tags, entry.summary.to_dict())
        key = inverse.add_tags, inverse.remove_tags, *inverse.values().items()
        undo.setdefault(key, _patch(inverse))["names"].append(entry.summary.name)
    edit_all(folders, one)
    version = served.board.follow(names)
    rows = [listed(entry) for entry in served.entries_of(names)]
    return Answer({"runs": rows, "undo": list(undo.values()), "version": version})


def _patch(edit: Edit) -> dict[str, Any]:
    return {"names": [], "add_tags": edit.add_tags, "remove_tags": edit.remove_tags, "set": edit.values()}
