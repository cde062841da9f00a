"""What a run's folder holds beside curves: refused rows, checkpoints, models, evaluations, environment, all ranks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from whet.server.answers.recorded import (
    CheckpointsPage,
    Environments,
    EvaluationsPage,
    LedgerPage,
    MeshPage,
    PlanBeside,
    RankMatrix,
)
from whet.server.answers.values import Answer
from whet.server.errors import missing
from whet.server.served import Runs
from whet.track.recorded import belongings
from whet.track.recorded.machine_reading import environments, spent
from whet.track.recorded.mesh import mesh_of
from whet.track.recorded.plan_reading import plan_beside
from whet.track.recorded.ranks import matrix
from whet.track.registry.evaluations import HELD_OUT, ITS_OWN

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


@router.get("/{run}/ledger", response_class=Answer, response_model=LedgerPage)
def ledger(
    served: Runs,
    run: str,
    q: Annotated[str, Query(max_length=200)] = "",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Answer:
    """Rows of the data that were skipped, cut or dropped as duplicates, with reasons; those that hold a text `q`."""
    found = belongings.refused_rows(served.folder(run), offset, limit, q)
    counts = [{"action": a, "reason": r, "count": n} for (a, r), n in sorted(found.counts.items())]
    return Answer({"rows": [asdict(one) for one in found.rows], "total": found.total, "counts": counts})


@router.get("/{run}/checkpoints", response_class=Answer, response_model=CheckpointsPage)
def checkpoints(served: Runs, run: str) -> Answer:
    """Checkpoints that lie in the folder, and the models that were written of them."""
    folder = served.folder(run)
    kept = [asdict(one) for one in belongings.checkpoints(folder)]
    return Answer({"checkpoints": kept, "models": [asdict(one) for one in belongings.models(folder)]})


@router.get("/{run}/evaluations", response_class=Answer, response_model=EvaluationsPage)
def evaluations(served: Runs, run: str) -> Answer:
    """What `whet evaluate` found, and the names of the curves of evaluations while training."""
    folder = served.folder(run)
    with served.history(folder) as logs:
        curves = [name for name in logs.names() if name.startswith(f"{HELD_OUT}/")]
    curves = [name for name in curves if name.partition("/")[2] not in ITS_OWN]
    return Answer({"evaluations": [asdict(one) for one in belongings.evaluations(folder)], "curves": curves})


@router.get("/{run}/environment", response_class=Answer, response_model=Environments)
def environment(served: Runs, run: str) -> Answer:
    """Where each start of the run took place (versions, hardware, source code), and energy and cost so far."""
    folder = served.folder(run)
    with served.history(folder) as logs:
        took = spent(folder, logs)
        return Answer({"starts": environments(folder, logs), "energy_j": took.energy_j, "cost": took.cost})


@router.get("/{run}/mesh", response_class=Answer, response_model=MeshPage)
def mesh(served: Runs, run: str) -> Answer:
    """The mesh of the newest start, and which part of which weights each rank holds; empty for one process."""
    with served.history(served.folder(run)) as logs:
        return Answer(asdict(mesh_of(logs)))


@router.get("/{run}/plan", response_class=Answer, response_model=PlanBeside)
def plan(served: Runs, run: str) -> Answer:
    """Memory that was planned, beside what was measured once the run has ended; empty where nothing was planned."""
    return Answer(asdict(plan_beside(served.folder(run))))


@router.get("/{run}/ranks", response_class=Answer, response_model=RankMatrix)
def ranks(served: Runs, run: str, name: str, most: Annotated[int, Query(ge=1, le=2000)] = 200) -> Answer:
    """A curve of every rank in buckets of as many steps: rows are ranks, columns lie between `edges`."""
    with served.history(served.folder(run)) as logs:
        found = matrix(logs, name, most)
    if not found.ranks:
        raise missing(f"no rank has a curve `{name}`")
    return Answer({"name": name, "ranks": found.ranks, "edges": found.edges.tolist(), "means": found.means.tolist()})
