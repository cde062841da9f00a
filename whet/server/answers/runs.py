"""Runs: rows of the listing, and one run with what it says of itself."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from whet.base.stated import Stated
from whet.server.answers.values import Number
from whet.track.reading.read import Status


class RunRow(Stated):
    """A run in the listing. Columns that were asked for stand beside these, by their names."""

    model_config = ConfigDict(extra="allow")

    name: str
    status: Status
    reason: str
    attempts: int
    step: int | None
    total: int | None
    loss: Number | None
    started: float | None
    duration_s: float
    tokens_per_s: Number | None
    project: str
    tags: list[str]
    group: str
    notes: str
    pinned: bool
    archived: bool


class ListedRun(RunRow):
    """A row of the listing, with the labels of MLflow's clients and, where it is asked for, its loss in a few means."""

    labels: dict[str, str]
    spark: list[Number] | None = None


class RunList(Stated):
    """A page of the listing; `total` runs are so, and `names` are what filters and columns can ask for.

    `version` is what `live` goes on from.
    """

    runs: list[ListedRun]
    total: int
    names: list[str]
    version: int


class RunFile(Stated):
    """A file of a run, by its path within the run's folder."""

    path: str
    bytes: int


class RunPage(RunRow):
    """One run: its row, what it says of itself, its curves, its writers, and where its logs break.

    `is_controlled` says whether it is a training, which can be asked to stop or to write a checkpoint while it runs.
    """

    is_controlled: bool
    about: dict[str, Any]
    config: dict[str, Any]
    summary: dict[str, Any]
    labels: dict[str, str]
    metrics: list[str]
    writers: list[str]
    spans: list[tuple[float, float]]
    dropped: int
    breaks: list[tuple[str, int, int]]
    newer: list[str]
    files: list[RunFile]
    cursor: dict[str, int]
