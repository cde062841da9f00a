"""`whet doctor`: what of this machine will hurt a training, with what to type, and how fast its ranks talk."""

from __future__ import annotations

import argparse

from whet.cli.arguments import add_root, whole

RANKS = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument(
        "--ranks", type=whole(0, 1024), metavar="N",
        help=f"measure what N ranks of this machine exchange, and keep it for plans; 0 starts none (default: {RANKS} "
        "ranks see whether they reach each other, which is bad only where N are asked for)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the checks as a JSON list")


def main(args: argparse.Namespace) -> int:
    import json
    import sys

    from whet.cli.exit_codes import DONE, FAILED
    from whet.doctor.examine import examine, page, verdict

    ranks = RANKS if args.ranks is None else args.ranks
    found = list(examine(args.root, ranks, measures=args.ranks is not None))
    if args.json:
        print(json.dumps([one.as_dict() for one in found], indent=1))
    else:
        print(page(found))
        print(verdict(found), file=sys.stderr)
    return FAILED if any(one.level == "bad" for one in found) else DONE
