"""Reports: to write, to read with what they show, and as one file that can be sent to anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from whet.base.errors import RunError
from whet.server.access.person import asking
from whet.server.answers.values import Answer
from whet.server.bundle import viewer
from whet.server.errors import Refusal
from whet.server.served import Runs, Served
from whet.track.reports.blocks import Content, Report
from whet.track.reports.frozen import frozen
from whet.track.reports.page import page
from whet.track.reports.store import Changed, Reports

router = APIRouter(prefix="/api/v1/reports", tags=["reports"])

Language = Annotated[str, Query(pattern="^(en|zh)$")]


class Changing(Content):
    """A report as somebody has changed it, with the version that they had read."""

    version: int


@router.get("", response_class=Answer, response_model=list[Report])
def reports(served: Runs) -> Answer:
    """All reports, the last changed first."""
    return Answer([one.model_dump(mode="json") for one in Reports(served.root).listed()])


@router.post("", response_class=Answer, response_model=Report)
def make(served: Runs, content: Content) -> Answer:
    """A new report."""
    return Answer(Reports(served.root).make(content, asking().person.name).model_dump(mode="json"))


@router.get("/{id}", response_class=Answer, response_model=Report)
def one(served: Runs, id: str) -> Answer:
    """A report."""
    return Answer(Reports(served.root).find(id).model_dump(mode="json"))


@router.get("/{id}/versions", response_class=Answer, response_model=list[Report])
def versions(served: Runs, id: str) -> Answer:
    """Every version of it, the oldest first."""
    return Answer([one.model_dump(mode="json") for one in Reports(served.root).versions(id)])


@router.put("/{id}", response_class=Answer, response_model=Report)
def change(served: Runs, id: str, content: Changing) -> Answer:
    """Write it anew; refused (409) where somebody else has since."""
    try:
        written = Reports(served.root).change(id, content, content.version, asking().person.name)
    except Changed as error:
        raise Refusal("RESOURCE_CONFLICT", error.message, hint=error.hint) from None
    return Answer(written.model_dump(mode="json"))


@router.delete("/{id}")
def remove(served: Runs, id: str) -> dict[str, Any]:
    """Remove it; its versions are kept."""
    Reports(served.root).remove(id)
    return {}


@router.get("/{id}/shown", response_class=Answer)
def shown(served: Runs, id: str) -> Answer:
    """A report with what its blocks show now, of runs that whoever asks may see."""
    return Answer(_frozen(served, id))


@router.get("/{id}/file", response_class=HTMLResponse)
def file(served: Runs, id: str, language: Language = "en") -> HTMLResponse:
    """The report as one file of HTML that needs no server and no network."""
    return HTMLResponse(
        page(_frozen(served, id), *viewer(), language),
        headers={"Content-Disposition": f'attachment; filename="{id}.html"', "Content-Security-Policy": "sandbox"},
    )


def _frozen(served: Served, id: str) -> dict[str, Any]:
    def folder(run: str) -> Path:
        try:
            return served.folder(run)
        except Refusal as refusal:
            raise RunError(refusal.message, at=run, hint="whet runs") from None

    return frozen(Reports(served.root).find(id), folder)
