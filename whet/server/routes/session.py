"""Sessions: who asks, signing in and out, and taking up an invitation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from whet.base.stated import Stated
from whet.server.access.passwords import checked
from whet.server.access.person import Role, asking
from whet.server.access.team import COOKIE, Team
from whet.server.errors import Refusal, missing

router = APIRouter(prefix="/api/v1", tags=["team"])

Name = Annotated[str, Field(min_length=1, max_length=80)]
Secret = Annotated[str, Field(max_length=1024)]


class SignIn(Stated):
    """A name and its password."""

    name: Name
    password: Secret


class Acceptance(Stated):
    """An invitation, and the password that is chosen by it."""

    invitation: Secret
    password: Secret


def team_of(request: Request) -> Team:
    """The accounts of this server. Raises Refusal where it is one person's."""
    access = request.app.state.access
    if not isinstance(access, Team):
        raise missing("this server is one person's: `whet ui --team` has accounts")
    return access


TheTeam = Annotated[Team, Depends(team_of)]


@router.get("/session")
def session(request: Request) -> dict[str, Any]:
    """Who asks: name and roles, null before somebody has signed in, and the word that changes are sent with.

    Whoever has started the server is told its `root` as they named it, for commands.
    """
    team, person = request.app.state.access, asking().person
    if not isinstance(team, Team):
        return {
            "is_team": False, "person": person.name, "roles": _words(person.roles), "word": None, "has_oidc": False,
            "root": str(request.app.state.served.root) if person.name else None,
        }  # fmt: skip
    found = team.sessions.find(request.cookies.get(COOKIE, "")) if person.name else None
    name = person.name or None
    return {
        "is_team": True, "person": name, "roles": _words(person.roles), "word": found[1] if found else None,
        "has_oidc": team.provider is not None, "root": None,
    }  # fmt: skip


@router.post("/session")
def sign_in(asked: SignIn, request: Request, team: TheTeam) -> Response:
    """Sign in. After five failures, by name or by address, whoever tries again waits."""
    keys = (f"name {asked.name}", f"from {_address(request)}")
    _begin(team, *keys)
    if not team.people.is_password(asked.name, asked.password):
        raise Refusal("UNAUTHENTICATED", "that is not the name and password of anybody here")
    team.throttle.succeeded(*keys)
    return _begun(team, asked.name, request)


@router.delete("/session")
def sign_out(request: Request, team: TheTeam) -> Response:
    """Sign out."""
    team.sessions.end(request.cookies.get(COOKIE, ""))
    answer = JSONResponse({})
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/invitation")
def invitation(team: TheTeam, invitation: Annotated[str, Query(max_length=1024)]) -> dict[str, Any]:
    """Whom an invitation is for."""
    name = team.people.invited(invitation)
    if name is None:
        raise missing("this invitation does not hold (any more): ask for a new one")
    return {"name": name}


@router.post("/invitation")
def accept(asked: Acceptance, request: Request, team: TheTeam) -> Response:
    """Choose a password by an invitation, and be signed in."""
    key = f"invitation from {_address(request)}"
    checked(asked.password)  # one that is too short is no try
    _begin(team, key)
    name = team.people.accept(asked.invitation, asked.password)
    if name is None:
        raise missing("this invitation does not hold (any more): ask for a new one")
    team.throttle.succeeded(key)
    return _begun(team, name, request)


def begin_session(team: Team, name: str, request: Request, answer: Response) -> None:
    """Let an answer begin a session of somebody who is known."""
    _set_cookie(answer, team.sessions.begin(name)[0], request)


def _begin(team: Team, *keys: str) -> None:
    """A try, which counts before it is looked at. Raises Refusal where there were too many."""
    wait_s = team.throttle.begin(*keys)
    if wait_s:
        raise Refusal("TOO_MANY_REQUESTS", f"too many tries: wait {wait_s:.0f} s", wait_s=wait_s)


def _begun(team: Team, name: str, request: Request) -> Response:
    cookie, word = team.sessions.begin(name)
    person = team.people.find(name)
    roles = _words(person.roles) if person else {}
    answer = JSONResponse({"is_team": True, "person": name, "roles": roles, "word": word})
    _set_cookie(answer, cookie, request)
    return answer


def _set_cookie(answer: Response, cookie: str, request: Request) -> None:
    is_https = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=is_https, path="/")


def _words(roles: Mapping[str, Role]) -> dict[str, str]:
    return {project: role.word for project, role in roles.items()}


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
