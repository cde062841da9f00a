"""Signing in by OpenID Connect: to the provider and back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse

from whet.server.access.oidc import Provider
from whet.server.errors import Refusal, missing
from whet.server.routes.session import TheTeam, begin_session

router = APIRouter(prefix="/api/v1/oidc", tags=["team"])

STATE = "whet_state"
Text = Annotated[str, Query(max_length=4096)]


@router.get("/start")
def start(request: Request, team: TheTeam, next: Text = "/") -> RedirectResponse:
    """To the provider; afterwards to the path `next` of the page."""
    place, state = _provider(team).begin(_back(request), next)
    answer = RedirectResponse(place, 303)
    # Lax: the provider's page sends the browser back here.
    answer.set_cookie(STATE, state, max_age=600, httponly=True, samesite="lax", path="/api/v1/oidc")
    return answer


@router.get("/back")
def back(request: Request, team: TheTeam, state: Text = "", code: Text = "", error: Text = "") -> RedirectResponse:
    """From the provider: a session for somebody who was added under the address that it has verified."""
    if error:
        raise Refusal("UNAUTHENTICATED", f"the provider says: {error[:200]}")
    if not state or request.cookies.get(STATE) != state:
        raise Refusal("UNAUTHENTICATED", "this was begun in another browser: begin again")
    name, next = _provider(team).end(state, code, _back(request))
    if team.people.find(name) is None:
        raise Refusal("PERMISSION_DENIED", f"nobody here has the name `{name}`: `whet team add {name}`")
    answer = RedirectResponse("/" + next.replace("\\", "/").lstrip("/"), 303)
    begin_session(team, name, request, answer)
    answer.delete_cookie(STATE, path="/api/v1/oidc")
    return answer


def _provider(team: TheTeam) -> Provider:
    if team.provider is None:
        raise missing("nobody signs in by OpenID Connect here: `--oidc ISSUER`")
    return team.provider


def _back(request: Request) -> str:
    return str(request.url_for("back"))
