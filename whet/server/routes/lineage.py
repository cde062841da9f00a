"""Lineage of a run: from its data to its steps, checkpoints, models and evaluations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from whet.server.answers.lineage import LineageGraph
from whet.server.answers.values import Answer
from whet.server.served import Runs
from whet.server.turns import LongTurns
from whet.track.recorded.lineage import lineage as of_run
from whet.track.recorded.lineage import of_row, of_step

router = APIRouter(prefix="/api/v1/runs", tags=["lineage"])


@router.get("/{run}/lineage", response_class=Answer, response_model=LineageGraph)
def lineage(
    served: Runs,
    turns: LongTurns,
    run: str,
    step: Annotated[int | None, Query(ge=0, le=1 << 60)] = None,
    source: Annotated[str | None, Query(max_length=4000)] = None,
    row: Annotated[int | None, Query(ge=0, le=1 << 60)] = None,
) -> Answer:
    """The whole run; with `step` its rows and what came of it; with `source` and `row` the steps that learned of it."""
    folder = served.folder(run)
    with served.history(folder) as logs:
        found = of_run(folder, logs) if step is None else of_step(folder, logs, step)
    if source is not None and row is not None:
        with turns.taken():
            found = of_row(folder, found, source, row)
    return Answer(asdict(found))
