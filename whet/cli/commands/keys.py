"""`whet keys`: keys for those who ask a served model, each with what it may do and how much."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from whet.cli.arguments import typed_path, whole

if TYPE_CHECKING:
    from whet.server.openai.key_file import KeyFile

USES = ("ask", "watch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    add = verbs.add_parser("add", help="make a key, which is printed once")
    add.add_argument("name", help="whose it is")
    add.add_argument(
        "--use",
        action="append",
        choices=USES,
        help="ask: ask the model, watch: read /metrics; again for both (default)",
    )
    limits = {
        "--requests-per-minute": "requests that it may send",
        "--tokens-per-minute": "tokens that are read and made for it",
        "--tokens-per-day": "the same in a day (UTC)",
        "--at-once": "requests under way",
    }
    for flag, what in limits.items():
        add.add_argument(flag, type=whole(1), default=0, metavar="N", help=f"{what} (default: no limit)")
    show = verbs.add_parser("list", help="names, limits, and tokens used today; never the keys")
    show.add_argument("--json", action="store_true", help="print JSON")
    remove = verbs.add_parser("remove", help="close a key, at once")
    remove.add_argument("name", help="whose it is")
    for one in (add, show, remove):
        one.add_argument(
            "--file", type=typed_path, default=Path("keys.sqlite"), metavar="FILE", help="default: keys.sqlite"
        )


def main(args: argparse.Namespace) -> int:
    from whet.server.openai.key_file import KeyFile

    file = KeyFile(args.file, makes=args.verb == "add")
    try:
        {"add": _add, "list": _list, "remove": _remove}[args.verb](file, args)
    finally:
        file.close()
    return 0


def _add(file: KeyFile, args: argparse.Namespace) -> None:
    from whet.server.openai.callers import Allowance

    uses = frozenset(args.use or USES)
    print(
        file.add(
            args.name,
            Allowance(
                uses=uses, requests_per_minute=args.requests_per_minute, tokens_per_minute=args.tokens_per_minute,
                tokens_per_day=args.tokens_per_day, at_once=args.at_once,
            ),
        )
    )  # fmt: skip


def _list(file: KeyFile, args: argparse.Namespace) -> None:
    from whet.track.terminal.terminal_page import columns

    found = file.listed()
    if args.json:
        print(json.dumps(found))
    elif found:
        print(columns(list(found[0]), found))
    else:
        print(f"no key yet: whet keys add me --file {args.file}")


def _remove(file: KeyFile, args: argparse.Namespace) -> None:
    file.remove(args.name)
