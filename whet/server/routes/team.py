"""People of a team: accounts with roles, invitations, keys for programs, and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from whet.base.stated import Stated
from whet.server.access.people import role_of
from whet.server.access.person import EVERY, Role, asking
from whet.server.errors import Refusal, missing
from whet.server.routes.session import Name, TheTeam

router = APIRouter(prefix="/api/v1", tags=["team"])


class NewPerson(Stated):
    """Somebody, with a role in a project or in all."""

    name: Name
    role: str = "viewer"
    project: Annotated[str, Field(max_length=500)] = EVERY


class Membership(Stated):
    """A role in a project, or in all."""

    project: Annotated[str, Field(max_length=500)] = EVERY
    role: str


class NewKey(Stated):
    """What a key is for, and the most that it may do."""

    label: Annotated[str, Field(max_length=200)] = ""
    role: str = "editor"


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


def _known() -> str:
    name = asking().person.name
    if not name:
        raise Refusal("UNAUTHENTICATED", "sign in first")
    return name


def _whose() -> str | None:
    return None if asking().person.everywhere >= Role.ADMIN else _known()
