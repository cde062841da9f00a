"""Steps of a run: which rows a step learned from, single tokens with their losses, and what the model answered."""

from __future__ import annotations

import math
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from whet.server.answers.recorded import GenerationsPage, StepRows, StepTokens
from whet.server.answers.values import Answer
from whet.server.errors import Refusal
from whet.server.heavy import Asking
from whet.server.heavy_calls import row_texts, token_texts
from whet.server.served import Runs
from whet.track.recorded.row_frames import RowTokens
from whet.track.recorded.row_page import row_dicts
from whet.track.recorded.rows_index import rows_of, token_steps, tokens_of

router = APIRouter(prefix="/api/v1/runs", tags=["steps"])

Step = Annotated[int, Path(ge=0, le=1 << 60)]
Limit = Annotated[int, Query(ge=1, le=10_000)]
Offset = Annotated[int, Query(ge=0)]


@router.get("/{run}/steps/{step}/rows", response_class=Answer, response_model=StepRows)
def rows(
    served: Runs, heavy: Asking, run: str, step: Step, texts: bool = False, offset: Offset = 0, limit: Limit = 1000
) -> Answer:
    """Rows of a step with their losses, the highest first, and what else was known of them.

    With `texts` also what stands in their sources now, for which the libraries of training are loaded once.
    """
    folder = served.folder(run)
    found = rows_of(folder, step)
    if not found:
        hint = "rows are recorded where track.rows=true; other steps have them if this one was not reached"
        raise Refusal("RESOURCE_DOES_NOT_EXIST", f"no rows are recorded of step {step}", hint=hint)
    every = sorted(row_dicts(found, lambda source, row: None), key=_loss)
    shown = every[offset : offset + limit]
    if texts and shown:
        places = [(row["source"], row["row"]) for row in shown]
        told = heavy.ask(row_texts, str(served.made_here(run)), places)
        shown = [{**row, "text": told.get((row["source"], row["row"]))} for row in shown]
    return Answer({"step": step, "epoch": found[0].epoch, "rows": shown, "total": len(every)})


@router.get("/{run}/steps/{step}/tokens", response_class=Answer, response_model=StepTokens)
def tokens(served: Runs, heavy: Asking, run: str, step: Step, texts: bool = True) -> Answer:
    """Rows of a step whose tokens were recorded one by one, each with the losses of those that were trained.

    Where the step has none, `steps` are those that have. `texts` are read by the run's tokenizer.
    """
    folder = served.folder(run)
    found = tokens_of(folder, step)
    lists = [one.ids.tolist() for one in found] + [one.targets.tolist() for one in found]
    told = heavy.ask(token_texts, str(served.made_here(run)), lists) if texts and found else None
    read = [(told[n], told[len(found) + n]) if told else (None, None) for n in range(len(found))]
    shown = [_tokens(one, *pair) for one, pair in zip(found, read, strict=True)]
    return Answer({"rows": shown, "steps": token_steps(folder)})


@router.get("/{run}/generations", response_class=Answer, response_model=GenerationsPage)
def generations(
    served: Runs,
    run: str,
    step: int | None = None,
    prompt: str | None = None,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Answer:
    """What the model answered to the prompts of `evaluate.prompts`, of one step or prompt or of all, in order."""
    with served.history(served.folder(run)) as logs:
        events = logs.events("generation")
    every: list[dict[str, Any]] = [
        {"step": e.step, "time": e.time, **{name: str(e.payload.get(name) or "") for name in ("prompt", "text")}}
        for e in events
    ]
    found = [one for one in every if step in (None, one["step"]) and prompt in (None, one["prompt"])]
    page = {"generations": found[offset : offset + limit], "total": len(found)}
    steps, prompts = sorted({one["step"] for one in every}), dict.fromkeys(one["prompt"] for one in every)
    return Answer({**page, "steps": steps, "prompts": list(prompts)})


def _loss(row: dict[str, Any]) -> float:
    loss = row.get("loss")
    return -loss if isinstance(loss, float) and math.isfinite(loss) else -math.inf if loss is not None else math.inf


def _tokens(one: RowTokens, texts: list[str] | None, target_texts: list[str] | None) -> dict[str, Any]:
    numbers = {name: getattr(one, name).tolist() for name in ("ids", "places", "targets", "losses")}
    place = {"step": one.step, "rank": one.rank, "source": one.source, "row": one.row, "part": one.part}
    return {**place, **numbers, "texts": texts, "target_texts": target_texts}
