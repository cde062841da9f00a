"""Boards: a task, and the runs that were entered for it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from whet.base.stated import Stated
from whet.server.access.person import asking
from whet.server.answers.values import Answer
from whet.server.served import Runs
from whet.track.boards.board import Board, Task
from whet.track.boards.entering import entry_of, frozen_of
from whet.track.boards.store import Boards

router = APIRouter(prefix="/api/v1/boards", tags=["boards"])

Id = Annotated[str, Path(max_length=80)]


class Making(Task):
    """A task whose settings are given, or are the `settings` of a run that it is `like`."""

    like: Annotated[str, Field(max_length=500)] = ""
    settings: Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(max_length=200)] = []


class Entering(Stated):
    """A run to enter, with a note."""

    run: Annotated[str, Field(min_length=1, max_length=500)]
    note: Annotated[str, Field(max_length=5000)] = ""


@router.get("", response_class=Answer, response_model=list[Board])
def boards(served: Runs) -> Answer:
    """All boards with their entries."""
    return _answer(Boards(served.root).listed())


@router.get("/{id}", response_class=Answer, response_model=Board)
def one(served: Runs, id: Id) -> Answer:
    """A board, its entries the best first."""
    return _answer(Boards(served.root).find(id))


@router.post("/{id}", response_class=Answer, response_model=Board)
def make(served: Runs, id: Id, asked: Making) -> Answer:
    """A new board."""
    found = frozen_of(served.folder(asked.like), asked.settings) if asked.like else {}
    task = Task(**{**asked.model_dump(exclude={"like", "settings"}), "frozen": {**asked.frozen, **found}})
    return _answer(Boards(served.root).make(id, task))


@router.post("/{id}/entries", response_class=Answer, response_model=Board)
def enter(served: Runs, id: Id, asked: Entering) -> Answer:
    """Enter a run; refused, with what differs, where it is none of the task."""
    kept = Boards(served.root)
    entry = entry_of(kept.find(id), served.folder(asked.run), asking().person.name, asked.note)
    return _answer(kept.enter(id, entry))


@router.delete("/{id}/entries/{run}", response_class=Answer, response_model=Board)
def withdraw(served: Runs, id: Id, run: str) -> Answer:
    """Take an entry away."""
    return _answer(Boards(served.root).withdraw(id, run))


@router.delete("/{id}")
def remove(served: Runs, id: Id) -> dict[str, Any]:
    """Remove a board; its runs stay."""
    Boards(served.root).remove(id)
    return {}


def _answer(found: Board | list[Board]) -> Answer:
    listed = found if isinstance(found, list) else [found]
    told = [
        {**board.model_dump(mode="json"), "entries": [e.model_dump(mode="json") for e in board.ranked]}
        for board in listed
    ]
    return Answer(told if isinstance(found, list) else told[0])
