"""`whet runs`: the runs of a folder, one a line; `whet runs reindex` reads all logs anew."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from whet.cli.arguments import typed_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", nargs="?", choices=["reindex"], help="make the catalogue of the runs anew from their folders"
    )
    parser.add_argument("--root", type=typed_path, default=Path("runs"), help="folder of run folders (default: runs)")
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def main(args: argparse.Namespace) -> int:
    from whet.track.catalogue import reindex, runs
    from whet.track.plain import to_json
    from whet.track.terminal_page import table

    if args.what == "reindex":
        print(f"{reindex(args.root)} runs read", file=sys.stderr)
        return 0
    found = runs(args.root)
    if args.json:
        print(to_json([run.to_dict() for run in found]).decode())
    elif found:
        print(table(found))
    else:
        print(f"no runs under {args.root}; `whet train CONFIG` starts one", file=sys.stderr)
    return 0
