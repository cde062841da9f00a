"""Runs to read: listing by the filter language, one run, its curves in buckets or every point, events and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response

from whet.server import files
from whet.server.errors import invalid, missing
from whet.server.served import Runs
from whet.track.reading.catalogue import said_of
from whet.track.reading.query import check_names, parse
from whet.track.reading.read import Event, History
from whet.track.reading.rows import sorted_by
from whet.track.reading.store import summarize
from whet.track.script.plain import to_json

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])

Names = Annotated[list[str], Query()]
Most = Annotated[int, Query(ge=1, le=100_000)]
_EVENTS = 1000


class Answer(Response):
    """JSON in which NaN and infinities are texts, as everywhere in whet."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return to_json(content)


@router.get("", response_class=Answer)
def runs(
    served: Runs,
    filter: str = "",
    sort: str = "",
    columns: str = "",
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Answer:
    """Runs, the latest started first, or by `sort` (`loss`, `loss:desc`), with `columns` beside what a listing has."""
    query, pairs = parse(filter), served.listed()
    check_names(query.names, [row for _, row in pairs], filter)
    chosen = [pair for pair in pairs if query.takes(pair[1])]
    if sort:
        name, _, way = sort.rpartition(":") if sort.endswith((":asc", ":desc")) else (sort, "", "")
        chosen = sorted_by(chosen, name, descending=way == "desc")
    names = [name.strip() for name in columns.split(",") if name.strip()]
    rows = [
        {**run.to_dict(), **{name: row.get(name) for name in names}} for run, row in chosen[offset : offset + limit]
    ]
    return Answer({"runs": [_without_place(row) for row in rows], "total": len(chosen)})


@router.get("/{run}", response_class=Answer)
def one(served: Runs, run: str) -> Answer:
    """One run: its row, what it says of itself, the names of its curves, its writers, and where its logs break."""
    folder = served.folder(run)
    with served.history(folder) as logs:
        return Answer({
            **_without_place(summarize(folder, logs).to_dict()), **said_of(folder, logs),
            "metrics": logs.names(), "writers": logs.writers, "spans": logs.spans, "dropped": logs.dropped,
            "breaks": logs.breaks, "newer": logs.newer,
            "files": [{"path": path, "bytes": about.st_size} for path, about in files.listed(folder)],
        })  # fmt: skip


@router.get("/{run}/curves", response_class=Answer)
def curves(served: Runs, run: str, names: Names, most: Most = 2000, writer: str | None = None) -> Answer:
    """Curves to draw: at most about `most` buckets each with first and last step, low, high and mean, no spike lost."""
    with served.history(served.folder(run)) as logs:
        _check(logs, names)
        return Answer({name: _buckets(logs, name, most, writer) for name in names})


@router.get("/{run}/points", response_class=Answer)
def points(
    served: Runs,
    run: str,
    name: str,
    start: Annotated[int, Query(ge=0)] = 0,
    limit: Most = 100_000,
    writer: str | None = None,
    ghosts: bool = False,
) -> Answer:
    """Every point of a curve, from its `start`-th on: steps, values and Unix times; or of what was gone over again."""
    with served.history(served.folder(run)) as logs:
        _check(logs, [name])
        parts = logs.ghosts(name, writer) if ghosts else logs.points(name, writer)
        steps, values, times = ([one for part in parts for one in _list(part, field)] for field in _FIELDS)
    end = start + limit
    page = {"steps": steps[start:end], "values": values[start:end], "times": times[start:end]}
    return Answer({**page, "total": len(steps), "next": end if end < len(steps) else None})


@router.get("/{run}/since", response_class=Answer)
def since(served: Runs, run: str, cursor: str = "{}") -> Answer:
    """What came behind a cursor, points and events, and the cursor to ask with next time."""
    with served.history(served.folder(run)) as logs:
        news = logs.since(_cursor(cursor))
    found = [
        {"name": part.name, "writer": part.writer, "attempt": part.attempt, **{f: _list(part, f) for f in _FIELDS}}
        for part in news.points
    ]
    return Answer({"points": found, "events": [asdict(event) for event in news.events], "cursor": news.cursor})


@router.get("/{run}/events", response_class=Answer)
def events(
    served: Runs, run: str, kind: str | None = None, offset: Annotated[int, Query(ge=0)] = 0, limit: Most = _EVENTS
) -> Answer:
    """Events of all writers by time, of one kind (`media`, `notice`, `alert`, `span`, ...) or of all."""
    with served.history(served.folder(run)) as logs:
        found = logs.events(kind)
    return Answer({"events": [asdict(event) for event in found[offset : offset + limit]], "total": len(found)})


@router.get("/{run}/media", response_class=Answer)
def media(served: Runs, run: str, name: str | None = None) -> Answer:
    """What was logged beside numbers: name, step and entries, each with the path under `files` where it has one."""
    with served.history(served.folder(run)) as logs:
        found = [_medium(event) for event in logs.events("media")]
    return Answer({"media": [one for one in found if name in (None, one["name"])]})


@router.get("/{run}/files/{path:path}")
def file(served: Runs, run: str, path: str) -> Response:
    """A file of the run, or a part of it (Range). A page in it runs no script here."""
    found = served.file(served.folder(run), path)
    headers = {
        "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'"
    }
    return FileResponse(found, headers=headers)


_FIELDS = ("steps", "values", "times")


def _list(part: Any, field: str) -> list[Any]:
    return getattr(part, field).tolist()


def _without_place(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without where on the server's disk its folder lies."""
    return {name: value for name, value in row.items() if name != "folder"}


def _check(logs: History, names: list[str]) -> None:
    known = logs.names()
    for name in names:
        if name not in known:
            raise missing(f"the run has no curve `{name}`")


def _buckets(logs: History, name: str, most: int, writer: str | None) -> dict[str, Any]:
    level = logs.curve(name, most, writer)
    return {
        "first_steps": level.first_steps.tolist(), "last_steps": level.last_steps.tolist(),
        "low": level.low[0].tolist(), "high": level.high[0].tolist(), "mean": level.mean[0].tolist(),
    }  # fmt: skip


def _cursor(text: str) -> dict[str, int]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, int) for value in found.values()):
        raise invalid("the cursor is none that this server gave")
    return found


def _medium(event: Event) -> dict[str, Any]:
    return {"step": event.step, "time": event.time, "writer": event.writer, **event.payload}
