"""Curves: buckets to draw, points, what is new, events, media."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from whet.base.stated import Stated
from whet.server.answers.values import Number


class NonFiniteStretch(Stated):
    """Points one behind the other that are no finite numbers."""

    kind: Literal["NaN", "Infinity", "-Infinity"]
    first_step: int
    last_step: int
    count: int


class Curve(Stated):
    """A curve in buckets: steps from and to, lowest, highest and mean value of each.

    `first` and `last` are where each begins and ends on the axis that was asked for, in `unit`. `writer` has told it.
    """

    first_steps: list[int]
    last_steps: list[int]
    low: list[Number]
    high: list[Number]
    mean: list[Number]
    marks: list[NonFiniteStretch]
    unit: str
    writer: str
    first: list[Number]
    last: list[Number]


class PackedCurve(Stated):
    """A curve in buckets, its arrays in base64: `first` and `last` are little-endian f64, all others f32.

    `low` and `high` are as large as in the curve or a rounding beyond.
    """

    count: int
    first: str
    last: str
    low: str
    high: str
    mean: str
    unit: str
    marks: list[NonFiniteStretch]


class CurvesOfRuns(Stated):
    """Curves of many runs. What a run does not have is left out."""

    runs: dict[str, dict[str, PackedCurve]]


class PointsPart(Stated):
    """Points of a curve that one attempt of a writer has logged."""

    name: str
    writer: str
    attempt: int
    steps: list[int]
    values: list[Number]
    times: list[float]


class RunEvent(Stated):
    """Something that happened at a step; `time` is Unix time."""

    kind: str
    step: int
    time: float
    writer: str
    attempt: int
    payload: dict[str, Any]


class News(Stated):
    """What has come since a cursor, and the next cursor."""

    points: list[PointsPart]
    events: list[RunEvent]
    cursor: dict[str, int]


class PointsPage(Stated):
    """Points of a curve; `next` is where the next page begins."""

    steps: list[int]
    values: list[Number]
    times: list[float]
    total: int
    next: int | None


class EventsPage(Stated):
    """Events by time, of `total`."""

    events: list[RunEvent]
    total: int


class Medium(Stated):
    """What was logged beside numbers at a step: entries, each with its path under `files` where it has one."""

    model_config = ConfigDict(extra="allow")

    step: int
    time: float
    writer: str
    name: str
    entries: list[dict[str, Any]]


class MediaPage(Stated):
    """What was logged beside numbers."""

    media: list[Medium]


class MarkEntry(Stated):
    """Something on the axis of steps that one can click: what, when, and a line about it."""

    kind: str
    step: int
    time: float
    writer: str
    text: str


class MarksPage(Stated):
    """Checkpoints, evaluations, resumes, notices and alerts by step; of `total` so many as are told."""

    marks: list[MarkEntry]
    total: int
