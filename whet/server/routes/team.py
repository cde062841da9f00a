"""People of a team: signing in and out, invitations, keys, roles, and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from whet.server.access.people import role_of
from whet.server.access.person import EVERY, Role, asking
from whet.server.access.team import COOKIE, Team
from whet.server.errors import Refusal, missing

router = APIRouter(prefix="/api/v1", tags=["team"])

Name = Annotated[str, Field(min_length=1, max_length=80)]
Secret = Annotated[str, Field(max_length=1024)]


class Body(BaseModel):
    """What a request says, and nothing else."""

    model_config = ConfigDict(extra="forbid")


class SignIn(Body):
    name: Name
    password: Secret


class Acceptance(Body):
    invitation: Secret
    password: Secret


class NewPerson(Body):
    name: Name
    role: str = "viewer"
    project: Annotated[str, Field(max_length=500)] = EVERY


class Membership(Body):
    project: Annotated[str, Field(max_length=500)] = EVERY
    role: str


class NewKey(Body):
    label: Annotated[str, Field(max_length=200)] = ""
    role: str = "editor"


def team_of(request: Request) -> Team:
    """The accounts of this server. Raises Refusal where it is one person's."""
    access = request.app.state.access
    if not isinstance(access, Team):
        raise missing("this server is one person's: `whet ui --team` has accounts")
    return access


TheTeam = Annotated[Team, Depends(team_of)]


@router.get("/session")
def session(request: Request) -> dict[str, Any]:
    """Who asks: name and roles, null before somebody has signed in, and the word that changes are sent with."""
    team, person = request.app.state.access, asking().person
    if not isinstance(team, Team):
        return {
            "is_team": False, "person": person.name, "roles": _words(person.roles), "word": None, "has_oidc": False,
        }  # fmt: skip
    found = team.sessions.find(request.cookies.get(COOKIE, "")) if person.name else None
    name = person.name or None
    return {
        "is_team": True, "person": name, "roles": _words(person.roles), "word": found[1] if found else None,
        "has_oidc": team.provider is not None,
    }  # fmt: skip


@router.post("/session")
def sign_in(asked: SignIn, request: Request, team: TheTeam) -> Response:
    """Sign in. After five failures, by name or by address, whoever tries again waits."""
    keys = (f"name {asked.name}", f"from {_address(request)}")
    wait_s = team.throttle.wait_s(*keys)
    if wait_s:
        raise Refusal("TOO_MANY_REQUESTS", f"too many tries: wait {wait_s:.0f} s", wait_s=wait_s)
    if not team.people.is_password(asked.name, asked.password):
        team.throttle.failed(*keys)
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
    wait_s = team.throttle.wait_s(key)
    if wait_s:
        raise Refusal("TOO_MANY_REQUESTS", f"too many tries: wait {wait_s:.0f} s", wait_s=wait_s)
    name = team.people.accept(asked.invitation, asked.password)
    if name is None:
        team.throttle.failed(key)
        raise missing("this invitation does not hold (any more): ask for a new one")
    return _begun(team, name, request)


@router.get("/users")
def people(team: TheTeam) -> dict[str, Any]:
    """Everybody, with their roles."""
    return {"users": team.people.listed()}


@router.post("/users")
def add(asked: NewPerson, team: TheTeam) -> dict[str, Any]:
    """A new person, and the invitation by which they choose a password."""
    return {"name": asked.name, "invitation": team.people.add(asked.name, asked.role, asked.project)}


@router.post("/users/{name}/invitation")
def invite(name: str, team: TheTeam) -> dict[str, Any]:
    """A new invitation: to choose another password."""
    return {"name": name, "invitation": team.people.invite(name)}


@router.put("/users/{name}/role")
def give(name: str, asked: Membership, team: TheTeam) -> dict[str, Any]:
    """A role in a project, or in all of them (`*`); `none` takes it away."""
    team.people.give(name, asked.project, asked.role)
    return {}


@router.delete("/users/{name}")
def remove(name: str, team: TheTeam) -> dict[str, Any]:
    """Remove somebody, with their sessions and keys."""
    team.people.remove(name)
    return {}


@router.get("/keys")
def keys(team: TheTeam) -> dict[str, Any]:
    """One's own keys; of those who rule everywhere, everybody's."""
    return {"keys": team.keys.listed(_whose())}


@router.post("/keys")
def make_key(asked: NewKey, team: TheTeam) -> dict[str, Any]:
    """A key of one's own for programs, which is told this once; it may do no more than whoever asks for it."""
    if role_of(asked.role) > asking().person.highest:
        raise Refusal("PERMISSION_DENIED", f"you have the role {asked.role} in no project, or ask with a lesser key")
    return {"key": team.keys.make(_known(), asked.label, asked.role)}


@router.delete("/keys/{id}")
def remove_key(id: int, team: TheTeam) -> dict[str, Any]:
    """Remove a key."""
    if not team.keys.remove(id, _whose()):
        raise missing(f"there is no key {id}")
    return {}


@router.get("/audit")
def audit(
    team: TheTeam, limit: Annotated[int, Query(ge=1, le=1000)] = 100, before: int | None = None
) -> dict[str, Any]:
    """What was changed and by whom, the latest first; `before` the id of the last that one has."""
    return {"entries": team.audit.listed(limit, before)}


def _begun(team: Team, name: str, request: Request) -> Response:
    cookie, word = team.sessions.begin(name)
    person = team.people.find(name)
    roles = _words(person.roles) if person else {}
    answer = JSONResponse({"is_team": True, "person": name, "roles": roles, "word": word})
    _set_cookie(answer, cookie, request)
    return answer


def begin_session(team: Team, name: str, request: Request, answer: Response) -> None:
    """Let an answer begin a session of somebody who is known."""
    _set_cookie(answer, team.sessions.begin(name)[0], request)


def _set_cookie(answer: Response, cookie: str, request: Request) -> None:
    is_https = request.url.scheme == "https"
    answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", secure=is_https, path="/")


def _known() -> str:
    name = asking().person.name
    if not name:
        raise Refusal("UNAUTHENTICATED", "sign in first")
    return name


def _whose() -> str | None:
    return None if asking().person.everywhere >= Role.ADMIN else _known()


def _words(roles: Any) -> dict[str, str]:
    return {project: role.word for project, role in roles.items()}


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
