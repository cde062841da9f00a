"""Data: rows of a run's sources as training renders them."""

from __future__ import annotations

from whet.base.stated import Stated


class DataToken(Stated):
    """A token; weight 0 is context, all else is learned."""

    id: int
    text: str
    role: str
    weight: float


class DataRow(Stated):
    """A row with all its tokens; `part` tells the replies of a pair apart."""

    row: int
    kind: str
    part: str
    tokens: list[DataToken]


class RefusedDataRow(Stated):
    """A row that training would skip, and why."""

    row: int
    reason: str
    detail: str
    hint: str | None


class DataPage(Stated):
    """Rows of one source; `lengths` and `trained` (tokens with weight) are of each sample that was looked at.

    `context` is how many tokens the model sees, where that is known.
    """

    sources: list[str]
    source: int
    next: int | None
    context: int | None
    shown: list[DataRow]
    refused: list[RefusedDataRow]
    formats: dict[str, int]
    lengths: list[int]
    trained: list[int]
