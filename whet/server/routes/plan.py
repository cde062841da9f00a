"""The plan of a model on a card: what there is to choose from, the formulas that a page evaluates, and all ways."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from whet.plan.screen.answers import choices, formulas, measured
from whet.plan.screen.fit import ways
from whet.plan.screen.question import FitQuestion
from whet.server.answers.plan import PlanArchitecture, PlanChoices, PlanMeasured, PlanWays
from whet.server.answers.values import Answer

router = APIRouter(prefix="/api/v1/plan", tags=["plan"])


@router.get("", response_class=Answer, response_model=PlanChoices)
def choose() -> Answer:
    """Known models and cards, the schema of what can be chosen beside them, and what is assumed of every card."""
    return Answer(choices())


@router.get("/architectures/{name}", response_class=Answer, response_model=PlanArchitecture)
def architecture(name: str) -> Answer:
    """The weights and the memory of a class of models (`model_type`), as formulas of its config that a page evaluates.

    400 for a class that has not been traced.
    """
    return Answer(formulas(name))


@router.get("/measured", response_class=Answer, response_model=PlanMeasured)
def calibration(
    gpu: Annotated[str, Query(max_length=100)],
    model_type: Annotated[str, Query(max_length=100)],
    parameters: Annotated[float, Query(gt=0, le=1e18)],
) -> Answer:
    """What finished runs of this machine say of a class of models, of about so many parameters, on a card."""
    return Answer({"measured": measured(gpu, model_type, parameters)})


@router.post("/fit", response_class=Answer, response_model=PlanWays)
def fit(asked: FitQuestion) -> Answer:
    """All ways to train a model on so many cards, as `whet fit --json`: those that none beats in memory and speed, why
    others do not fit, and which meshes were tried. 400 for what cannot be planned."""
    return Answer(ways(asked))
