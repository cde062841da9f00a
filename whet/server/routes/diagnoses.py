"""Diagnoses: what went wrong in a run, by rules over what it recorded."""

from __future__ import annotations

from fastapi import APIRouter

from whet.server.answers.diagnoses import Diagnoses
from whet.server.answers.values import Answer
from whet.server.served import Runs
from whet.server.turns import LongTurns
from whet.track.diagnosis.diagnose import finding_dict

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])


@router.get("/{run}/diagnoses", response_class=Answer, response_model=Diagnoses)
def diagnoses(served: Runs, turns: LongTurns, run: str) -> Answer:
    """Findings of a run with evidence, remedy and link, the gravest first.

    They are found anew when the run has logged more. While it is live, rules that go over all rows are not asked.
    """
    folder = served.folder(run)
    with turns.taken():
        found, is_whole = served.diagnoses.of(folder)
    return Answer({"diagnoses": [finding_dict(run, one) for one in found], "is_whole": is_whole})
