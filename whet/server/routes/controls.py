"""Controls: what can be asked of a run that runs, through the file that its loop reads."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from whet.base.stated import Stated
from whet.server.answers.recorded import Asked
from whet.server.answers.values import Answer
from whet.server.errors import Refusal
from whet.server.served import Runs
from whet.train.run.controls import ask
from whet.train.run.folder import RunFolder

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


class ControlWord(Stated):
    """`stop` after a checkpoint, or a `checkpoint` now."""

    word: Literal["stop", "checkpoint"]


@router.post("/{run}/controls", response_class=Answer, response_model=Asked)
def controls(served: Runs, run: str, asked: ControlWord) -> Answer:
    """Ask a training to stop, or to write a checkpoint now; it does so after its step. Refused where none runs."""
    folder = served.folder(run)
    with served.history(folder) as logs:
        status = logs.status
    place = RunFolder(folder)
    if not place.config.is_file():
        hint = "press Ctrl-C where it runs"
        raise Refusal("RESOURCE_CONFLICT", f"`{run}` is a script's run, which listens to nobody", hint=hint)
    if status != "running":
        hint = f"whet train {folder.name} goes on with it"
        raise Refusal("RESOURCE_CONFLICT", f"`{run}` does not run: it is {status}", hint=hint)
    ask(place.controls, asked.word)
    return Answer({"word": asked.word})
