"""Rollouts of a run that learns from its own answers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from whet.server.answers.rollouts import RolloutsPage
from whet.server.answers.values import Answer
from whet.server.served import Runs
from whet.track.recorded.rollouts_reading import rollouts as read
from whet.track.recorded.rollouts_reading import steps_of

router = APIRouter(prefix="/api/v1/runs", tags=["rollouts"])


@router.get("/{run}/rollouts", response_class=Answer, response_model=RolloutsPage)
def rollouts(
    served: Runs,
    run: str,
    step: int | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> Answer:
    """Prompts with their answers side by side, of one step, or that hold a text `q`, the oldest first.

    Recorded are `track.rollout_prompts` prompts of each rollout.
    """
    with served.history(served.folder(run)) as logs:
        found, steps = read(logs, step, q), steps_of(logs)
    shown = [asdict(one) for one in found[offset : offset + limit]]
    return Answer({"rollouts": shown, "steps": steps, "total": len(found)})
