"""`whet top`: live runs on the whole terminal, with curves, hardware and console of the one that is chosen."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from typing import TYPE_CHECKING

from whet.cli.arguments import add_root, number, whole
from whet.cli.streams import can_say

if TYPE_CHECKING:
    from rich.console import Console, ConsoleDimensions

    from whet.track.terminal.top.frame import Screen
    from whet.track.terminal.top.view import View
    from whet.track.terminal.top.watching import Watched

# How often the size of the terminal is looked at.
_TURN_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="FILTER", help="which runs, as for `whet runs`; `/` changes it")
    add_root(parser)
    parser.add_argument("--run", metavar="NAME", help="the run to choose at first")
    parser.add_argument("--live", action="store_true", help="only runs that are running; `a` changes it")
    parser.add_argument("--once", action="store_true", help="print one frame, for pipes")
    parser.add_argument("--width", type=whole(20, 1000), help="columns of --once (default: those of the terminal)")
    parser.add_argument("--height", type=whole(5, 500), help="lines of --once (default: those of the terminal)")
    parser.add_argument(
        "--every", type=number(0.1, 3600), default=1.0, metavar="SECONDS", help="time between looks (default: 1)"
    )


def main(args: argparse.Namespace) -> int:
    from rich.console import Console

    from whet.track.reading.query import parse
    from whet.track.reading.store import find
    from whet.track.terminal.top.frame import Screen
    from whet.track.terminal.top.view import View
    from whet.track.terminal.top.watching import Watched

    view = View(query=parse(" ".join(args.words)), only_live=args.live, chosen=args.run)
    watched = Watched(args.root)
    screen = Screen(watched, "braille" if can_say("⣿█┤─") else "ascii")
    watched.look()
    if args.run is not None:
        find(args.run, args.root)
    if args.once or not (sys.stdin.isatty() and sys.stdout.isatty()):
        shown = shutil.get_terminal_size()
        width, height = args.width or shown.columns, args.height or shown.lines
        console = Console(width=width, highlight=False)
        for line in screen.frame(view, width, height):
            console.print(line, no_wrap=True, overflow="crop", crop=False)
        return 0
    _follow(screen, view, watched, Console(highlight=False), args.every)
    return 0


def _follow(screen: Screen, view: View, watched: Watched, console: Console, every_s: float) -> None:
    """Draw until the reader leaves: at every look, at every key, and when the terminal has another size."""
    from rich.live import Live
    from rich.text import Text

    from whet.track.terminal.top.keys import typed

    looked_at = time.monotonic()
    size: ConsoleDimensions | None = None
    with typed(sys.stdin.fileno()) as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            pressed = keys.wait(min(_TURN_S, every_s)) if size is not None else []
            for key in pressed:
                names = [run.name for run in watched.runs(view.query, only_live=view.only_live)]
                if not view.key(key, names, len(screen.metrics(view)), screen.page(console.height)):
                    return
            is_due = time.monotonic() - looked_at >= every_s
            if is_due:
                watched.look()
                looked_at = time.monotonic()
            if is_due or pressed or console.size != size:
                size = console.size
                live.update(Text("\n").join(screen.frame(view, size.width, size.height)), refresh=True)
