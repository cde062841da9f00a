"""Edits: what a request changes of runs, and what it is answered with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from whet.base.stated import Stated
from whet.server.answers.runs import ListedRun

Tags = Annotated[list[str], Field(max_length=100)]


class EditedValues(Stated):
    """What is set; what is left out stays as it is."""

    notes: str | None = None
    group: str | None = None
    pinned: bool | None = None
    archived: bool | None = None


class RunsPatch(Stated):
    """The same changes of several runs."""

    names: Annotated[list[str], Field(min_length=1, max_length=1000)]
    add_tags: Tags = []
    remove_tags: Tags = []
    set: EditedValues = EditedValues()


class RunsEdited(Stated):
    """Rows as they are now, and the patches that take the change back: runs that were unlike need one each."""

    runs: list[ListedRun]
    undo: list[RunsPatch]
    version: int
