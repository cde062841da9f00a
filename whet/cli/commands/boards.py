"""`whet boards`: tasks that are the same for all, and the runs that were entered for them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from whet.cli.arguments import add_root, typed_path

if TYPE_CHECKING:
    from pydantic import ValidationError

    from whet.base.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list boards")
    show = verbs.add_parser("show", help="show the entries of a board, the best first")
    make = verbs.add_parser("make", help="make a board of the settings of a run")
    make.add_argument("board", metavar="BOARD", help="its id: a-z, 0-9 and -")
    make.add_argument("--title", required=True, help="what it is about")
    make.add_argument("--about", default="", help="the task, in Markdown")
    make.add_argument("--metric", required=True, help="what entries are ordered by")
    make.add_argument("--higher", action="store_true", help="higher is better (default: lower is)")
    make.add_argument("--like", metavar="RUN", help="the run that has the settings which every entry has to have")
    make.add_argument("--frozen", nargs="+", default=[], metavar="SETTING", help="names of these settings")
    make.add_argument("--curves", nargs="+", default=["loss"], metavar="NAME", help="curves to keep (default: loss)")
    enter = verbs.add_parser("enter", help="enter a run")
    enter.add_argument("board", metavar="BOARD")
    enter.add_argument("run", metavar="RUN")
    enter.add_argument("--note", default="", help="a line about it")
    withdraw = verbs.add_parser("withdraw", help="take an entry away")
    withdraw.add_argument("board", metavar="BOARD")
    withdraw.add_argument("run", metavar="RUN")
    export = verbs.add_parser("export", help="write all boards as a site of files, for any web server")
    export.add_argument("folder", type=typed_path, metavar="FOLDER")
    remove = verbs.add_parser("remove", help="remove a board; its runs stay")
    for verb in (show, remove):
        verb.add_argument("board", metavar="BOARD")
    for verb in (listing, show):
        verb.add_argument("--json", action="store_true", help="as JSON")
    for verb in (listing, show, make, enter, withdraw, export, remove):
        add_root(verb)


def main(args: argparse.Namespace) -> int:
    from whet.track.boards.store import Boards
    from whet.track.terminal.terminal_page import listing

    kept = Boards(args.root)
    match args.verb:
        case "list":
            rows = [
                {"id": one.id, "title": one.title, "metric": one.metric, "entries": len(one.entries)}
                for one in kept.listed()
            ]
            print(json.dumps(rows) if args.json else listing(rows, "no boards yet: `whet boards make`"))
        case "show":
            _show(kept.find(args.board), as_json=args.json)
        case "make":
            kept.make(args.board, _task(args))
        case "enter":
            _enter(kept, args)
        case "withdraw":
            kept.withdraw(args.board, args.run)
        case "remove":
            kept.remove(args.board)
        case "export":
            _export(kept, args.folder)
    return 0


def _task(args: argparse.Namespace):
    from pydantic import ValidationError

    from whet.base.errors import ConfigError
    from whet.track.boards.board import Task
    from whet.track.boards.entering import frozen_of
    from whet.track.reading.store import find

    if args.frozen and args.like is None:
        raise ConfigError("whose settings?", at="--frozen", hint="--like best, or another run")
    frozen = frozen_of(find(args.like, args.root), args.frozen) if args.frozen else {}
    try:
        return Task(
            title=args.title, about=args.about, metric=args.metric, is_lower_better=not args.higher, frozen=frozen,
            curves=args.curves,
        )  # fmt: skip
    except ValidationError as error:
        raise _unfit(error) from None


def _unfit(error: ValidationError) -> ConfigError:
    """What pydantic says of an argument, at its option."""
    from whet.base.errors import ConfigError

    first = error.errors()[0]
    option = f"--{first['loc'][0]}"
    hint = {"--title": "--title Colors", "--about": "--about 'Which color is named.'"}.get(option, f"{option} loss")
    return ConfigError(f"`{option}`: {first['msg'].lower()}", at=option, hint=hint)


def _enter(kept, args: argparse.Namespace) -> None:
    from whet.track.boards.entering import entry_of
    from whet.track.reading.store import find

    entry = entry_of(kept.find(args.board), find(args.run, args.root), note=args.note)
    board = kept.enter(args.board, entry)
    place = [one.run for one in board.ranked].index(entry.run) + 1
    print(f"{entry.run}: {place} of {len(board.entries)}")


def _show(board, *, as_json: bool) -> None:
    from whet.track.terminal.terminal_page import listing

    names = ("run", "score", "step", "duration_s", "energy_j", "cost", "hardware", "command")
    rows = [{name: getattr(entry, name) for name in names} for entry in board.ranked]
    print(json.dumps([e.model_dump(mode="json") for e in board.ranked]) if as_json else listing(rows, "no entries yet"))


def _export(kept, folder: Path) -> None:
    from whet.base.errors import RunError
    from whet.server.bundle import viewer
    from whet.track.boards.site import write

    try:
        for path in write(kept.listed(), folder, *viewer()):
            print(path)
    except OSError as error:
        raise RunError(f"cannot write it: {error.strerror}", at=str(folder), hint="another folder") from None
