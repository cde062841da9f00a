"""`whet runs edit`: tags, notes, group, pinned and archived of runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path


def add_edit_arguments(parser: argparse.ArgumentParser) -> None:
    """What `edit` sets."""
    group = parser.add_argument_group("with `edit`")
    group.add_argument("--tag", action="append", default=[], metavar="TAG", help="add a tag; again for more")
    group.add_argument("--untag", action="append", default=[], metavar="TAG", help="take a tag away")
    group.add_argument("--note", metavar="TEXT", help="what there is to say of it, instead of what was said before")
    group.add_argument("--group", metavar="NAME", help="the group it belongs to")
    group.add_argument("--pin", action=argparse.BooleanOptionalAction, help="list it before others, or no longer")
    group.add_argument(
        "--archive",
        action=argparse.BooleanOptionalAction,
        help="leave it out of listings, or take it in again; `whet runs --archived` lists it all the same",
    )


def edit(folders: Sequence[Path], args: argparse.Namespace) -> None:
    """Edit the runs in these folders as the arguments say. Raises ConfigError where they say nothing."""
    from whet.base.errors import ConfigError
    from whet.track.edits.edit import Edit
    from whet.track.edits.journal import edit_all

    one = Edit(tuple(args.tag), tuple(args.untag), args.note, args.group, args.pin, args.archive)
    if one.is_empty:
        raise ConfigError(
            "`edit` changes nothing", at="command line", hint='--tag best, --note "with more rows", --pin or --archive'
        )
    edit_all(folders, one)
    print(f"{len(folders)} run{'s' * (len(folders) != 1)} edited", file=sys.stderr)
