"""People and what they may do in which project; the one who asks now, for whoever answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum

# The project that stands for all of them.
EVERY = "*"


class Role(IntEnum):
    """Each may do what those before it may."""

    NONE = 0
    VIEWER = 1
    EDITOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """As it is written in requests and tables."""
        return self.name.lower()


ROLES = {role.word: role for role in Role if role}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known, with a role in each of some projects."""

    name: str
    roles: Mapping[str, Role] = field(default_factory=dict)

    def role(self, project: str) -> Role:
        """The role in a project: the higher one of that and of the one in all projects."""
        return max(self.roles.get(project, Role.NONE), self.everywhere)

    @property
    def everywhere(self) -> Role:
        """The role in all projects, also those that are not there yet."""
        return self.roles.get(EVERY, Role.NONE)

    @property
    def highest(self) -> Role:
        """The highest role in any project."""
        return max(self.roles.values(), default=Role.NONE)


# Whoever has the token of a server that is one person's.
OWNER = Person("owner", {EVERY: Role.ADMIN})


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and the role that this request needs in the projects it is about."""

    person: Person = OWNER
    needed: Role = Role.VIEWER

    def may(self, project: str) -> bool:
        """Whether the request may be about a project."""
        return self.person.role(project) >= self.needed

    def may_see(self, project: str) -> bool:
        """Whether they may know that something is there."""
        return self.person.role(project) >= Role.VIEWER


_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)
# What a process does of its own accord, where nobody has asked.
_NOBODY = Asking()


def asking() -> Asking:
    """Who asks now. Threads that answer a request have it too."""
    return _asking.get() or _NOBODY


@contextmanager
def asked_by(one: Asking) -> Iterator[None]:
    """While a request of somebody is answered."""
    token = _asking.set(one)
    try:
        yield
    finally:
        _asking.reset(token)
