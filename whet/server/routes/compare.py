"""Compare: what differs between runs in their configs and in how they went."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from whet.server.answers.recorded import Comparison
from whet.server.answers.values import Answer
from whet.server.errors import invalid
from whet.server.served import Runs
from whet.server.turns import LongTurns
from whet.track.reading.rows import compared

router = APIRouter(prefix="/api/v1", tags=["compare"])

# Runs that are compared at once.
_MOST = 100


@router.get("/compare", response_class=Answer, response_model=Comparison)
def compare(
    served: Runs,
    turns: LongTurns,
    runs: Annotated[str, Query(description="names, with commas between")],
    baseline: Annotated[str, Query(description="the one that comes first")] = "",
) -> Answer:
    """The entries of config and outcome in which not all runs are alike, in the order of `runs`, the baseline first."""
    names = list(dict.fromkeys(name for name in runs.split(",") if name))
    if baseline:
        names = [baseline, *(name for name in names if name != baseline)]
    if not 0 < len(names) <= _MOST:
        raise invalid(f"1 to {_MOST} runs are compared, these are {len(names)}")
    folders = [served.folder(name) for name in names]
    with turns.taken():
        found: dict[str, Any] = compared(folders)
    entries = {entry.summary.name: entry.summary for entry in served.entries_of(names)}
    shown = [{"name": name, "status": entries[name].status, "step": entries[name].step} for name in names]
    return Answer({**found, "runs": shown})
