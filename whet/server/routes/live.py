"""Live: streams of server-sent events, of the listing and of one run."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request

from whet.server.access.person import asking
from whet.server.answers.live import ListingNews, RunNews
from whet.server.answers.values import Answer
from whet.server.event_stream import EventStream
from whet.server.live import Cursor, Live
from whet.server.routes.curves import cursor_of, news
from whet.server.routes.reading import listed
from whet.server.served import Runs
from whet.track.reading.board import Changes
from whet.track.reading.query import parse
from whet.track.reading.read import History

router = APIRouter(prefix="/api/v1", tags=["live"])


def live_of(request: Request) -> Live:
    """The polls of the app of a request."""
    return request.app.state.live


Polls = Annotated[Live, Depends(live_of)]
LastEvent = Annotated[str | None, Header(alias="Last-Event-ID", include_in_schema=False)]


@router.get("/live", response_class=EventStream, status_code=200, responses={200: {"model": ListingNews}})
def rows(
    served: Runs,
    live: Polls,
    version: Annotated[int | None, Query(ge=0)] = None,
    filter: str = "",
    columns: str = "",
    archived: bool = False,
    spark: bool = False,
    last: LastEvent = None,
) -> EventStream:
    """Events `runs`: rows that have changed since a `version` of the listing (without one from now on), once a second.

    `gone` are runs that are no longer there, or no longer in what the filter takes.
    """
    query = parse(filter)
    is_open = archived or "archived" in query.names

    def body(changes: Changes) -> bytes:
        seen = [entry for entry in changes.entries if served.may_see(entry.summary)]
        taken = [e for e in seen if (is_open or not e.summary.archived) and query.takes(e.row)]
        names = {entry.summary.name for entry in taken}
        gone = [run.name for run in changes.gone if served.may_see(run)]
        gone += [entry.summary.name for entry in seen if entry.summary.name not in names]
        shown = [listed(entry, columns, spark=spark) for entry in taken]
        return bytes(Answer({"runs": shown, "gone": gone, "version": changes.version}).body)

    key = "rows", _who(), filter, columns, archived, spark
    return EventStream(live.rows(_number(last) if last else version, key, body))


@router.get("/runs/{run}/live", response_class=EventStream, status_code=200, responses={200: {"model": RunNews}})
def run_news(
    served: Runs,
    live: Polls,
    run: str,
    cursor: str | None = None,
    names: Annotated[list[str] | None, Query()] = None,
    last: LastEvent = None,
) -> EventStream:
    """Events `news`: points and events since a `cursor` (without one from now on), of all curves or those of `names`.

    After `reload`, which has another cursor, curves are to be asked for anew.
    """
    folder, wanted = served.folder(run), None if names is None else frozenset(names)

    def body(logs: History, seen: Cursor) -> bytes:
        told = {**news(logs.since(seen, wanted)), "status": logs.status, "reason": logs.reason}
        return bytes(Answer(told).body)

    key = "news", run, _who(), wanted
    begin = last or cursor
    return EventStream(live.news(folder, cursor_of(begin) if begin else None, key, body))


def _number(text: str) -> int | None:
    """The version that a browser has seen; from now on where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _who() -> tuple[str, tuple[tuple[str, int], ...]]:
    """Whoever asks, as far as it decides what they may see."""
    person = asking().person
    return person.name, tuple(sorted(person.roles.items()))
