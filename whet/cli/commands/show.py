"""`whet show`: a run's page, once or redrawn while it trains."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from whet.cli.arguments import add_root, number, whole
from whet.cli.parts import PARTS, Asked, print_part
from whet.cli.streams import can_say

if TYPE_CHECKING:
    from whet.track.reading.read import History
    from whet.track.terminal.curves import Glyphs

_WHOLE = 100_000  # columns of a line where nothing shows it in so many: a pipe, a file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", help="name or folder of a run (default: the one started last)")
    add_root(parser)
    parser.add_argument("--log", action="store_true", help="draw losses on a logarithmic axis")
    parser.add_argument("--width", type=whole(20, 1000), help="columns (default: those of the terminal)")
    parser.add_argument("--step", type=whole(0), help="which rows this step learned from, with the loss of each")
    parser.add_argument("--full", action="store_true", help="with --step: the rows' texts whole, below their rows")
    parser.add_argument("--tokens", action="store_true", help="with --step: single tokens and their losses")
    parser.add_argument("--console", action="store_true", help="what the run printed, of one --step or in all")
    parser.add_argument("--rank", type=whole(0), help="with --console: of this rank alone")
    parser.add_argument("--part", choices=PARTS, help="a part of it; rollouts, media and lineage also of one --step")
    parser.add_argument("--find", default="", metavar="TEXT", help="with --part: what holds a text")
    parser.add_argument(
        "--from", dest="start", type=whole(0), default=0, metavar="N", help="with --part: from the Nth on"
    )
    parser.add_argument(
        "--source", default="0", help="with --part data: of which source, by number or name (default: 0)"
    )
    parser.add_argument("--row", default="", metavar="SOURCE#ROW", help="with --part lineage: of a row of the data")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--follow", action="store_true", help="redraw until the run ends")
    form.add_argument("--json", action="store_true", help="print summary, curves and events as JSON")
    parser.add_argument(
        "--every", type=number(0.01, 3600), default=1.0, metavar="SECONDS", help="time between redraws (default: 1)"
    )


def main(args: argparse.Namespace) -> int:
    from whet.track.reading.store import find, history
    from whet.track.script.plain import to_json
    from whet.track.terminal.terminal_page import contents, show

    folder = find(args.run, args.root) if args.run else _latest(args.root)
    if args.part:
        asked = Asked(args.step, args.start, args.find, args.source, args.row)
        print_part(folder, args.part, asked, as_json=args.json)
        return 0
    if args.console or args.step is not None:
        _print_recorded(folder, args)
        return 0
    if args.json:
        print(to_json(contents(folder)).decode())
        return 0
    logs = history(folder)

    def page() -> str:
        width = args.width or shutil.get_terminal_size().columns
        longest = width if args.width or sys.stdout.isatty() else _WHOLE
        return show(folder, width=width, log=args.log, glyphs=_glyphs(), logs=logs, longest=longest)

    if args.follow:
        _follow(logs, page, args.every)
    print(page(), end="")
    return 0


def _print_recorded(folder: Path, args: argparse.Namespace) -> None:
    from whet.cli.recorded import print_console, print_rows, print_tokens

    if args.console:
        print_console(folder, args.step, args.rank)
    elif args.tokens:
        print_tokens(folder, args.step)
    else:
        width = args.width or shutil.get_terminal_size().columns
        print_rows(folder, args.step, None if args.full else width, as_json=args.json)


def _follow(logs: History, page: Callable[[], str], every_s: float) -> None:
    """Return when the run no longer runs; a terminal sees the page redrawn meanwhile."""
    from contextlib import nullcontext

    from rich.live import Live
    from rich.text import Text

    screen = Live(Text(page()), screen=True, auto_refresh=False) if sys.stdout.isatty() else nullcontext()
    with screen as live:
        while logs.status in ("new", "running"):
            time.sleep(every_s)
            logs.refresh()
            if live is not None:
                live.update(Text(page()), refresh=True)


def _latest(root: Path) -> Path:
    from whet.base.errors import STARTS, RunError
    from whet.track.reading.catalogue import runs

    found = runs(root)
    if not found:
        raise RunError("there is no run yet", at=str(root), hint=f"`{STARTS}` starts one")
    return found[0].folder


def _glyphs() -> Glyphs:
    """Braille where stdout can say it."""
    return "braille" if can_say("⣿█┤") else "ascii"
