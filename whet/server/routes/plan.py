"""The plan of a model on a card: what there is to choose from, and the closed forms that sliders evaluate."""

from __future__ import annotations

from fastapi import APIRouter

from whet.plan.screen.answers import choices, forms
from whet.plan.screen.question import Question
from whet.server.answers.plan import PlanChoices, PlanForms
from whet.server.answers.values import Answer

router = APIRouter(prefix="/api/v1/plan", tags=["plan"])


@router.get("", response_class=Answer, response_model=PlanChoices)
def choose() -> Answer:
    """Known models and cards, the schema of what can be chosen beside them, and what is assumed of every card."""
    return Answer(choices())


@router.post("/forms", response_class=Answer, response_model=PlanForms)
def closed_forms(asked: Question) -> Answer:
    """Memory and speed of a model as closed forms of tokens, samples and conversations: what sliders evaluate.

    The model is a known one, or `config`, the text of a config.json as an object. 400 for what cannot be planned.
    """
    return Answer(forms(asked))
