"""Diagnoses: findings with their texts in every language, figures, rows, what to type, and where to look."""

from __future__ import annotations

from typing import Any, Literal

from whet.base.stated import Stated
from whet.server.answers.values import Number


class Words(Stated):
    """A text by the id that the catalogue has it under, what is put into it, and how it reads by language."""

    id: str
    parameters: dict[str, Any]
    text: dict[str, str]


class Remedy(Words):
    """What to do, and a command or setting to type."""

    typed: str


class EvidenceFigure(Stated):
    """A recorded number, its name by language; `unit` is `s`, `bytes`, `share` (of 1), another one, or empty."""

    name: str
    text: dict[str, str]
    value: Number
    unit: str
    step: int | None
    writer: str


class EvidenceRow(Stated):
    """A row that a step learned from; `loss` is null where none was recorded."""

    step: int
    rank: str
    source: str
    row: int
    part: int
    loss: Number | None
    tokens: int


class Diagnosis(Stated):
    """One finding. `link` is where the page shows it."""

    kind: str
    severity: Literal["error", "warning", "info"]
    first_step: int
    last_step: int
    what: Words
    remedy: Remedy
    link: str
    figures: list[EvidenceFigure]
    rows: list[EvidenceRow]


class Diagnoses(Stated):
    """What rules found in a run, the gravest first. `is_whole`: rules that go over all rows were asked too."""

    diagnoses: list[Diagnosis]
    is_whole: bool
