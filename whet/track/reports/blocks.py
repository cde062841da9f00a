"""What a report is made of: text, charts, tables and pictures, in an order."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from whet.base.stated import Stated

Name = Annotated[str, Field(min_length=1, max_length=500)]
Runs = Annotated[list[Name], Field(min_length=1, max_length=50)]
Over = Literal["step", "tokens", "time", "flops", "cost", "energy"]


class Text(Stated):
    """Text in Markdown."""

    kind: Literal["text"] = "text"
    text: Annotated[str, Field(max_length=200_000)] = ""


class Chart(Stated):
    """Curves of runs over one axis. `smoothing` is the weight of what came before, from 0 on."""

    kind: Literal["chart"] = "chart"
    title: Annotated[str, Field(max_length=500)] = ""
    runs: Runs
    metrics: Annotated[list[Name], Field(min_length=1, max_length=20)]
    x: Over = "step"
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    log_x: bool = False
    log_y: bool = False


class Table(Stated):
    """Entries of runs, a line each."""

    kind: Literal["table"] = "table"
    title: Annotated[str, Field(max_length=500)] = ""
    runs: Runs
    columns: Annotated[list[Name], Field(min_length=1, max_length=50)]


class Picture(Stated):
    """A picture of a run, by its path in the run folder."""

    kind: Literal["picture"] = "picture"
    run: Name
    path: Name
    caption: Annotated[str, Field(max_length=2000)] = ""


Block = Annotated[Text | Chart | Table | Picture, Field(discriminator="kind")]


class Content(Stated):
    """What somebody writes."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    blocks: Annotated[list[Block], Field(max_length=200)] = []


class Report(Content):
    """A report as it is kept: its id, how many times it was written, when (Unix time) and by whom."""

    id: str
    version: int
    made: float
    changed: float
    author: str = ""

    @property
    def runs(self) -> list[str]:
        """The runs that it speaks of."""
        found: dict[str, None] = {}
        for block in self.blocks:
            match block:
                case Chart() | Table():
                    found.update(dict.fromkeys(block.runs))
                case Picture():
                    found[block.run] = None
        return list(found)
