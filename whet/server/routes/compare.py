"""Compare: what differs between runs in their configs and in how they went, and what was measured of each."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from whet.server.answers.recorded import Comparison, EvaluationComparison
from whet.server.answers.values import Answer
from whet.server.errors import invalid
from whet.server.served import Runs
from whet.server.turns import LongTurns
from whet.track.reading.rows import compared
from whet.track.recorded.measured import beside

router = APIRouter(prefix="/api/v1", tags=["compare"])

# Runs that are compared at once.
_MOST = 100


Names = Annotated[str, Query(description="names, with commas between")]


@router.get("/compare", response_class=Answer, response_model=Comparison)
def compare(
    served: Runs,
    turns: LongTurns,
    runs: Names,
    baseline: Annotated[str, Query(description="the one that comes first")] = "",
) -> Answer:
    """The entries of config and outcome in which not all runs are alike, in the order of `runs`, the baseline first."""
    names = _named(runs)
    if baseline:
        names = [baseline, *(name for name in names if name != baseline)]
    folders = [served.folder(name) for name in _few(names)]
    with turns.taken():
        found: dict[str, Any] = compared(folders)
    entries = {entry.summary.name: entry.summary for entry in served.entries_of(names)}
    shown = [{"name": name, "status": entries[name].status, "step": entries[name].step} for name in names]
    return Answer({**found, "runs": shown})


@router.get("/compare/evaluations", response_class=Answer, response_model=EvaluationComparison)
def evaluations(
    served: Runs,
    turns: LongTurns,
    runs: Names,
    baseline: Annotated[str, Query(description="one of them, to which differences are told")] = "",
) -> Answer:
    """What was measured of each run, by task, settings and data; where one was measured twice, the newest result."""
    names = _few(_named(runs))
    if baseline and baseline not in names:
        raise invalid(f"the baseline `{baseline}` is none of the runs that are compared: {', '.join(names)}")
    folders = {name: served.folder(name) for name in names}
    with turns.taken():
        tasks = beside(folders, baseline)
    return Answer({"runs": names, "baseline": baseline, "tasks": [asdict(one) for one in tasks]})


def _named(text: str) -> list[str]:
    return list(dict.fromkeys(name for name in text.split(",") if name))


def _few(names: list[str]) -> list[str]:
    if not 0 < len(names) <= _MOST:
        raise invalid(f"1 to {_MOST} runs are compared, these are {len(names)}")
    return names
