"""`whet team`: the accounts of the people who share a server's folder of runs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from whet.cli.arguments import add_root

if TYPE_CHECKING:
    from whet.server.access.team import Team

ROLES = ("viewer", "editor", "admin")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, (line, arguments, _) in _VERBS.items():
        one = verbs.add_parser(verb, help=line, description=line[0].upper() + line[1:] + ".")
        add_root(one)
        for name, options in arguments.items():
            one.add_argument(name, **options)


def main(args: argparse.Namespace) -> int:
    from whet.server.access.team import Team

    team = Team(args.root)
    try:
        _VERBS[args.verb][2](team, args)
    finally:
        team.close()
    return 0


def _list(team: Team, args: argparse.Namespace) -> None:
    from whet.track.terminal.terminal_page import columns

    people = team.people.listed()
    if args.json:
        print(json.dumps(people))
    elif not people:
        print("nobody yet: `whet team add NAME --role admin`, or the address that `whet ui --team` prints at first")
    else:
        told = [{"name": p["name"], "roles": _told(p["roles"]), "is_active": p["is_active"]} for p in people]
        print(columns(["name", "roles", "is_active"], told))


def _add(team: Team, args: argparse.Namespace) -> None:
    _print_invitation(args.name, team.people.add(args.name, args.role, args.project))


def _invite(team: Team, args: argparse.Namespace) -> None:
    _print_invitation(args.name, team.people.invite(args.name))


def _role(team: Team, args: argparse.Namespace) -> None:
    team.people.give(args.name, args.project, args.role)


def _remove(team: Team, args: argparse.Namespace) -> None:
    team.people.remove(args.name)


def _key(team: Team, args: argparse.Namespace) -> None:
    print(team.keys.make(args.name, args.label, args.role))


def _print_invitation(name: str, word: str) -> None:
    print(f"for {name}, once, within a week, behind the address of your server: /invitation?word={word}")


def _told(roles: dict[str, str]) -> str:
    return (
        ", ".join(role if project == "*" else f"{role} in {project}" for project, role in sorted(roles.items())) or "-"
    )


_NAME: dict[str, Any] = {"metavar": "NAME"}
_PROJECT: dict[str, Any] = {"default": "*", "help": "the project that the role is for (default: all)"}


def _role_option(default: str) -> dict[str, Any]:
    return {"choices": ROLES, "default": default, "help": f"what they may do (default: {default})"}


_VERBS: dict[str, tuple[str, dict[str, dict[str, Any]], Callable[[Team, argparse.Namespace], None]]] = {
    "list": ("list everybody", {"--json": {"action": "store_true", "help": "as JSON"}}, _list),
    "add": (
        "add somebody, and print the invitation by which they choose a password",
        {"name": _NAME, "--role": _role_option("viewer"), "--project": _PROJECT}, _add,
    ),
    "invite": ("print a new invitation, to choose another password", {"name": _NAME}, _invite),
    "role": (
        "give somebody another role, or `none`",
        {"name": _NAME, "role": {"choices": (*ROLES, "none")}, "--project": _PROJECT}, _role,
    ),
    "key": (
        "print a new key, by which programs ask in somebody's name",
        {"name": _NAME, "--label": {"default": "", "help": "what it is for"}, "--role": _role_option("viewer")}, _key,
    ),
    "remove": ("remove somebody, with sessions and keys", {"name": _NAME}, _remove),
}  # fmt: skip
