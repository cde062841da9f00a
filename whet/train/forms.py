"""Which form an objective's samples are drawn in: masked, or as they are."""

from __future__ import annotations

from typing import Any

from whet.base.catalogue import objective
from whet.base.run import Run
from whet.data.forms import Form
from whet.data.masking import Masking


def form_of(run: Run, processor: Any | None, family: str) -> Form | None:
    """The form that the objective asks for. Raises ModelError where the tokenizer lacks what it needs."""
    form = objective.get(run.objective.kind).facts.get("form")
    if form == "masking":
        return Masking.of(_tokenizer(run, processor), run.seed, **run.objective.values())
    return None


def _tokenizer(run: Run, processor: Any | None) -> Any:
    return processor
