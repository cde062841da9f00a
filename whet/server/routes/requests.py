"""Requests: what a served model was asked, by a filter; one of them as a waterfall; how they drift."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from whet.server.answers import requests as answers
from whet.server.answers.values import Answer
from whet.server.errors import missing
from whet.server.served import Runs, Served
from whet.track.reading.drift import drift
from whet.track.reading.query import parse
from whet.track.reading.requests import FEEDBACK, Row, messages_of, requests
from whet.track.reading.spans import Span, spans
from whet.track.registry.rows import check_names

router = APIRouter(prefix="/api/v1/runs", tags=["traces"])


@router.get("/{run}/requests", response_class=Answer, response_model=answers.RequestList)
def listed(
    served: Runs, run: str, filter: str = "", limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Answer:  # fmt: skip
    """The traces of a run that a filter takes, the latest first."""
    rows = _taken(served, run, filter)
    names = sorted({name for row in rows for name in row})
    return Answer({"requests": rows[offset : offset + limit], "total": len(rows), "names": names})


@router.get("/{run}/requests/drift", response_class=Answer, response_model=answers.Drift)
def drifting(
    served: Runs, run: str, filter: str = "", windows: Annotated[int, Query(ge=1, le=200)] = 20
) -> Answer:  # fmt: skip
    """Lengths and times of the requests in stretches of equally many, each measured by the first stretch."""
    return Answer(drift(_taken(served, run, filter), windows))


@router.get("/{run}/requests/{id}", response_class=Answer, response_model=answers.RequestPage)
def one(served: Runs, run: str, id: str) -> Answer:
    """One trace: its stretches, and its messages where they were kept."""
    every = spans(served.folder(run))
    found = sorted((span for span in every if span.trace_id == id), key=lambda span: (span.start_ns, -span.end_ns))
    rows = requests(found)
    if not rows:
        raise missing(f"the run `{run}` has no trace `{id[:80]}`")
    said = [span for span in every if span.name == FEEDBACK and _answers(span) == rows[0]["answer_id"] is not None]
    [row] = requests([*found, *said])
    about = next(span.attributes for span in found if span.name == row["name"])
    begin_ns = min(span.start_ns for span in found)
    told = {part: _messages(about.get(f"gen_ai.{key}.messages")) for part, key in _SIDES}
    return Answer(
        {"row": row, "parts": [_part(span, begin_ns) for span in found], **told,
         "said": [dict(span.attributes) for span in said]}
    )  # fmt: skip


_SIDES = (("asked", "input"), ("answered", "output"))


def _taken(served: Served, run: str, filter: str) -> list[Row]:
    rows, query = requests(spans(served.folder(run))), parse(filter)
    check_names(query, rows, "request")
    return [row for row in rows if query.takes(row)]


def _answers(span: Span) -> Any:
    return span.attributes.get("gen_ai.response.id")


def _messages(text: Any) -> list[dict[str, Any]]:
    return [
        {"role": str(one.get("role")), "parts": [part for part in one.get("parts") or () if isinstance(part, dict)]}
        for one in messages_of(text)
    ]


def _part(span: Span, begin_ns: int) -> dict[str, Any]:
    texts = {"gen_ai.input.messages", "gen_ai.output.messages"}
    return {
        "id": span.span_id, "parent": span.parent_id, "name": span.name,
        "begin_s": (span.start_ns - begin_ns) / 1e9, "end_s": (span.end_ns - begin_ns) / 1e9, "status": span.status,
        "attributes": {name: value for name, value in span.attributes.items() if name not in texts},
    }  # fmt: skip
