"""Runs to read: listing by the filter language, one run, what happened in it, its media and its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response

from whet.server import files
from whet.server.answers.curves import EventsPage, MarksPage, MediaPage
from whet.server.answers.runs import RunList, RunPage
from whet.server.answers.values import Answer
from whet.server.errors import missing
from whet.server.served import Runs
from whet.track.reading.board import Entry
from whet.track.reading.catalogue import said_of
from whet.track.reading.marks import marks as marks_of
from whet.track.reading.read import Event
from whet.track.reading.rows import chosen
from whet.track.reading.store import summarize
from whet.train.run.folder import RunFolder

router = APIRouter(prefix="/api/v1/runs", tags=["runs"])

# Pictures, sound and film are told for what they are. All else is text to a browser, whatever it is called: a script, a
# style or an SVG from our own origin would be taken for ours.
_MEDIA = {
    ".png": "image/png", ".apng": "image/apng", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
    ".webp": "image/webp", ".avif": "image/avif", ".bmp": "image/bmp", ".wav": "audio/wav", ".mp3": "audio/mpeg",
    ".ogg": "audio/ogg", ".flac": "audio/flac", ".m4a": "audio/mp4", ".mp4": "video/mp4", ".webm": "video/webm",
    ".mov": "video/quicktime",
}  # fmt: skip
_TEXT = "text/plain; charset=utf-8"
_PAGES = (".html", ".htm")
# What a file may do that somebody logged: be looked at within our page.
_AS_MEDIA = {
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}

Limit = Annotated[int, Query(ge=1, le=10_000)]
Offset = Annotated[int, Query(ge=0)]


@router.get("", response_class=Answer, response_model=RunList)
def runs(
    served: Runs,
    filter: str = "",
    q: Annotated[str, Query(max_length=200)] = "",
    sort: str = "",
    columns: str = "",
    archived: bool = False,
    spark: bool = False,
    limit: Limit = 1000,
    offset: Offset = 0,
) -> Answer:
    """Runs, pinned ones first and then the latest started, or by `sort` (`loss`, `loss:desc`).

    `q` is looked for in names, projects, groups and tags: all of its words, whatever the case.
    `columns` are names of `names` with commas between, which stand beside what a row has; `spark` adds the loss in at
    most 40 means. Archived runs come with `archived`, or where the filter asks about it.
    """
    version = served.board.look()
    pairs = [(entry, entry.row) for entry in served.entries()]
    found = chosen(pairs, filter, sort, with_archived=archived, find=q)
    shown = [listed(entry, columns, spark=spark) for entry, _ in found[offset : offset + limit]]
    return Answer({"runs": shown, "total": len(found), "names": _names(row for _, row in pairs), "version": version})


@router.get("/{run}", response_class=Answer, response_model=RunPage)
def one(served: Runs, run: str) -> Answer:
    """One run: its row, what it says of itself, the names of its curves, its writers, and where its logs break.

    `cursor` is how far it has been read, to go on from with `live` and `since`.
    """
    folder = served.folder(run)
    with served.history(folder) as logs:
        return Answer({
            **_without_place(summarize(folder, logs).to_dict()), **said_of(folder, logs),
            "metrics": logs.names(), "writers": logs.writers, "spans": logs.spans, "dropped": logs.dropped,
            "breaks": logs.breaks, "newer": logs.newer, "cursor": logs.offsets,
            "is_controlled": RunFolder(folder).config.is_file(),
            "files": [{"path": path, "bytes": about.st_size} for path, about in files.listed(folder)],
        })  # fmt: skip


@router.get("/{run}/events", response_class=Answer, response_model=EventsPage)
def events(served: Runs, run: str, kind: str | None = None, offset: Offset = 0, limit: Limit = 1000) -> Answer:
    """Events of all writers by time, of one kind (`media`, `notice`, `alert`, `span`, ...) or of all."""
    with served.history(served.folder(run)) as logs:
        found = logs.events(kind)
    return Answer({"events": [asdict(event) for event in found[offset : offset + limit]], "total": len(found)})


@router.get("/{run}/marks", response_class=Answer, response_model=MarksPage)
def marks(served: Runs, run: str, limit: Limit = 2000) -> Answer:
    """What happened at steps and can be clicked: checkpoints, evaluations, resumes, notices, alerts, ends.

    Of more than `limit` the latest.
    """
    with served.history(served.folder(run)) as logs:
        found = marks_of(logs)
    return Answer({"marks": [asdict(mark) for mark in found[-limit:]], "total": len(found)})


@router.get("/{run}/media", response_class=Answer, response_model=MediaPage)
def media(served: Runs, run: str, name: str | None = None) -> Answer:
    """What was logged beside numbers: name, step and entries, each with the path under `files` where it has one."""
    with served.history(served.folder(run)) as logs:
        found = [_medium(event) for event in logs.events("media")]
    return Answer({"media": [one for one in found if name in (None, one["name"])]})


@router.get("/{run}/files/{path:path}")
def file(served: Runs, run: str, path: str) -> Response:
    """A file of the run, or a part of it (Range): media as what they are, all else as text, so that none is run."""
    found = served.file(served.folder(run), path)
    return FileResponse(found, headers=_AS_MEDIA, media_type=_MEDIA.get(found.suffix.lower(), _TEXT))


@router.get("/{run}/pages/{path:path}")
def page(served: Runs, run: str, path: str) -> Response:
    """A page that was logged (`track.Html`), as a page: with no script, no form and no origin, in no frame but ours."""
    found = served.file(served.folder(run), path)
    if found.suffix.lower() not in _PAGES:
        raise missing(f"`{path}` is no page: it is under `files`")
    return FileResponse(found, headers=_AS_MEDIA, media_type="text/html")


def listed(entry: Entry, columns: str = "", *, spark: bool = False) -> dict[str, Any]:
    """A run as a row of the listing, with further columns by name."""
    names = [name.strip() for name in columns.split(",") if name.strip()]
    labels = {name.removeprefix("label."): value for name, value in entry.row.items() if name.startswith("label.")}
    row = {**entry.summary.to_dict(), "labels": labels, **({"spark": entry.spark} if spark else {})}
    return _without_place({**row, **{name: entry.row.get(name) for name in names}})


def _names(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    found: set[str] = set()
    for row in rows:
        found.update(row)
    return sorted(found - {"folder"})


def _without_place(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without where on the server's disk its folder lies."""
    return {name: value for name, value in row.items() if name != "folder"}


def _medium(event: Event) -> dict[str, Any]:
    return {"step": event.step, "time": event.time, "writer": event.writer, "name": "", "entries": [], **event.payload}
