"""What the requests of a served model are answered as: rows, one trace whole, and how they drift."""

from __future__ import annotations

from typing import Any, Literal

from whet.base.stated import Stated


class RequestRow(Stated):
    """A trace in a row: times in seconds, `said` what people said of the answer, texts where they were kept."""

    id: str
    time: float
    name: str
    model: str | None
    adapter: str | None
    version: str | None
    key: str | None
    prompt_tokens: float | None
    answer_tokens: float | None
    cached_tokens: float | None
    first_token_s: float | None
    cost: float | None
    answer_id: str | None
    duration_s: float
    status: Literal["ok", "error"]
    reason: str
    finish: str | None
    said: str
    asked: str | None
    answered: str | None
    scores: dict[str, float]


class RequestList(Stated):
    """Some of `total` rows, of which there are `of` without a filter, and the names that a filter may use."""

    requests: list[RequestRow]
    total: int
    of: int
    names: list[str]


class TracePart(Stated):
    """A stretch of a trace: seconds from its beginning."""

    id: str
    parent: str
    name: str
    begin_s: float
    end_s: float
    status: str
    attributes: dict[str, Any]


class RequestMessage(Stated):
    """A message of a trace."""

    role: str
    parts: list[dict[str, Any]]


class RequestPage(Stated):
    """One trace: its row, its stretches by their start, its messages where they were kept, and what was said."""

    row: RequestRow
    parts: list[TracePart]
    asked: list[RequestMessage]
    answered: list[RequestMessage]
    said: list[dict[str, Any]]


class DriftOf(Stated):
    """One figure of a stretch of time, and how far it is from the first stretch: of numbers by their `median` and the
    Kolmogorov-Smirnov distance, of texts by what is `told` and the Jensen-Shannon divergence, of which as much as is
    `usual` comes of chance alone once in a thousand times."""

    statistic: Literal["ks", "js"]
    median: float | None
    told: str
    distance: float | None
    usual: float | None
    chance: float | None


class DriftWindow(Stated):
    """A stretch of time."""

    begin: float
    end: float
    count: int
    fields: dict[str, DriftOf]


class Drift(Stated):
    """Stretches of equally many requests, each measured by the first; `least` is the fewest that one may have, and of
    `sampled` the texts are read."""

    least: int
    sampled: int
    windows: list[DriftWindow]


class ScorePoint(Stated):
    """A stretch of requests that were scored: their mean, and where those of samples drawn anew lie (95 %)."""

    begin: float
    end: float
    count: int
    mean: float
    low: float | None
    high: float | None


class ScoreCurve(Stated):
    """A score of one version of a model over time."""

    score: str
    model: str
    version: str
    points: list[ScorePoint]


class ScoringTime(Stated):
    """Once that requests were scored: by what (`about`: rewards with their settings, prompts), and what it has cost."""

    time: float
    num: int
    cost: float | None
    about: dict[str, Any]


class RequestScores(Stated):
    """Scores by time and version, and when what scored them, the latest first."""

    curves: list[ScoreCurve]
    scorings: list[ScoringTime]
