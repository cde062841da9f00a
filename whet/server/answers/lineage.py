"""Lineage: a graph of what a run was made of, and what was made of it."""

from __future__ import annotations

from typing import Any, Literal

from whet.base.stated import Stated


class LineageNode(Stated):
    """Something in a run; `path` lies in its folder. `facts` of a row are its place and loss, of files their size."""

    id: str
    kind: Literal["input", "row", "steps", "checkpoint", "model", "evaluation"]
    text: str
    step: int | None
    path: str | None
    facts: dict[str, Any]


class LineageGraph(Stated):
    """Edges lead from what something was made of to what was made of it, by ids. `is_partial`: there is more."""

    nodes: list[LineageNode]
    edges: list[tuple[str, str]]
    is_partial: bool
