"""Requests: what a served model was asked, by a filter; one of them as a waterfall; how they drift."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from whet.server.answers import requests as answers
from whet.server.answers.values import Answer
from whet.server.errors import missing
from whet.server.served import Runs
from whet.track.reading.drift import COLUMNS, drift
from whet.track.reading.query import parse
from whet.track.reading.request_rows import Form, write_rows
from whet.track.reading.request_table import RequestTable
from whet.track.reading.requests import messages_of, requests
from whet.track.reading.score_curves import score_curves
from whet.track.reading.spans import Span

router = APIRouter(prefix="/api/v1/runs", tags=["traces"])


@router.get("/{run}/requests", response_class=Answer, response_model=answers.RequestList)
def listed(
    served: Runs, run: str, filter: str = "", sort: str = "", limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Answer:  # fmt: skip
    """The traces of a run that a filter takes, the latest first or by a column (`cost`, `cost:desc`)."""
    with served.requests.of(served.folder(run)) as table:
        found = table.find(parse(filter), sort)
        rows = table.rows(found[offset : offset + limit])
        return Answer({"requests": rows, "total": len(found), "of": table.total, "names": table.names})


@router.get("/{run}/requests/drift", response_class=Answer, response_model=answers.Drift)
def drifting(
    served: Runs, run: str, filter: str = "", windows: Annotated[int, Query(ge=1, le=200)] = 20
) -> Answer:  # fmt: skip
    """Lengths and times of the requests in stretches of equally many, each measured by the first stretch."""
    with served.requests.of(served.folder(run)) as table:
        found = table.find(parse(filter), "time")
        columns = {name: table.column(name, found) for name in COLUMNS}
    return Answer(drift(columns, windows))


@router.get("/{run}/requests/scores", response_class=Answer, response_model=answers.RequestScores)
def scored(served: Runs, run: str, filter: str = "") -> Answer:
    """Scores of the requests that a filter takes, by time and version of the model; and by what they were scored."""
    with served.requests.of(served.folder(run)) as table:
        curves = score_curves(table, table.find(parse(filter)))
        scorings = [
            {"time": one.time, "num": one.num, "cost": one.cost, "about": dict(one.about)}
            for one in table.scores.scorings()
        ]
    return Answer({"curves": curves, "scorings": scorings})


@router.get("/{run}/requests/export")
def exported(
    served: Runs, run: str, filter: str = "", form: Form = "chat", file: Literal["jsonl", "parquet"] = "jsonl"
) -> FileResponse:
    """The requests that a filter takes as rows: conversations, preferences, labels, or all that is known of them."""
    folder = served.folder(run)
    table = RequestTable(folder)  # one of its own: a long file keeps nobody waiting who looks at the list
    numbers = table.find(parse(filter), "time")
    place = Path(tempfile.mkdtemp(prefix="whet-requests-"))
    try:
        output = place / f"{folder.name}-{form}.{file}"
        write_rows(table, numbers, form, output)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return FileResponse(
        output, media_type="application/octet-stream", filename=output.name,
        background=BackgroundTask(shutil.rmtree, place, ignore_errors=True),
    )  # fmt: skip


@router.get("/{run}/requests/{id}", response_class=Answer, response_model=answers.RequestPage)
def one(served: Runs, run: str, id: str) -> Answer:
    """One trace: its stretches, and its messages where they were kept."""
    with served.requests.of(served.folder(run)) as table:
        found, said = table.spans(id)
        scores = table.scores.of(id)
    rows = requests([*found, *said])
    if not found:
        raise missing(f"the run `{run}` has no trace `{id[:80]}`")
    row = {**rows[0], "scores": scores}
    about = next(span.attributes for span in found if span.name == row["name"])
    begin_ns = min(span.start_ns for span in found)
    told = {part: _messages(about.get(f"gen_ai.{key}.messages")) for part, key in _SIDES}
    return Answer(
        {"row": row, "parts": [_part(span, begin_ns) for span in found], **told,
         "said": [dict(span.attributes) for span in said]}
    )  # fmt: skip


_SIDES = (("asked", "input"), ("answered", "output"))


def _messages(text: Any) -> list[dict[str, Any]]:
    return [
        {"role": str(one.get("role")), "parts": [part for part in _listed(one.get("parts")) if isinstance(part, dict)]}
        for one in messages_of(text)
    ]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _part(span: Span, begin_ns: int) -> dict[str, Any]:
    texts = {"gen_ai.input.messages", "gen_ai.output.messages"}
    return {
        "id": span.span_id, "parent": span.parent_id, "name": span.name,
        "begin_s": (span.start_ns - begin_ns) / 1e9, "end_s": (span.end_ns - begin_ns) / 1e9, "status": span.status,
        "attributes": {name: value for name, value in span.attributes.items() if name not in texts},
    }  # fmt: skip
