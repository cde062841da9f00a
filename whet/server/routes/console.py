"""The console of a run: what a rank has printed, by lines, by step, or by what stands in it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request

from whet.server.answers.recorded import ConsolePage
from whet.server.answers.values import Answer
from whet.server.served import Runs
from whet.server.turns import LongTurns
from whet.track.logs import frames
from whet.track.reading.store import LOGS
from whet.track.recorded.console_index import Consoles
from whet.track.recorded.record_file import record_files

router = APIRouter(prefix="/api/v1/runs", tags=["console"])


def consoles_of(request: Request) -> Consoles:
    """The consoles that the app of a request has indexed."""
    return request.app.state.consoles


Indexed = Annotated[Consoles, Depends(consoles_of)]


@router.get("/{run}/console", response_class=Answer, response_model=ConsolePage)
def console(
    served: Runs,
    indexed: Indexed,
    turns: LongTurns,
    run: str,
    rank: Annotated[int, Query(ge=0, le=1 << 20)] = 0,
    start: Annotated[int | None, Query(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    search: Annotated[str, Query(max_length=200)] = "",
    step: Annotated[int | None, Query(ge=0)] = None,
    stream: Literal["stdout", "stderr"] | None = None,
) -> Answer:
    """Lines of a rank's console from line `start` on; without it the last ones, or with `step` those from a step on.

    With `search` the lines that hold a text, whatever the case, and with `stream` those of one stream, from `start`
    (else from the first) on.
    """
    folder = served.folder(run)
    ranks = [number for name in record_files(folder / LOGS, frames.CONSOLE_FILE) if (number := _rank(name)) is not None]
    found, lock = indexed.held(folder, frames.rank_writer(rank))
    # A search goes through much of a console, and others who want a page of it wait meanwhile: not for dozens.
    with turns.taken() if search or stream else nullcontext(), lock:
        found.refresh()
        total = found.total
        if search or stream:
            lines, following = found.search(search, start or 0, limit, stream)
        else:
            begin = start if start is not None else max(0, total - limit) if step is None else found.first_of(step)
            lines = found.page(begin, limit)
            following = begin + len(lines) if begin + len(lines) < total else None
    return Answer({"lines": [asdict(one) for one in lines], "total": total, "next": following, "ranks": ranks})


def _rank(name: str) -> int | None:
    return frames.Writer(name, 1).rank
