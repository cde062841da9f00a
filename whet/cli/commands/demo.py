"""`whet demo`: go round the whole loop on the Python standard library."""

from __future__ import annotations

import argparse
from pathlib import Path

from whet.cli.arguments import number, typed_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=typed_path, default=Path("demo"), help="a new folder for all of it (demo)")
    parser.add_argument("--minutes", type=number(0.01, 10_000), default=4.0, help="about how long it may take (4)")
    parser.add_argument("--fast", action="store_true", help="go round in seconds with a toy that learns nothing")


def main(args: argparse.Namespace) -> int:
    from whet.cli.main import main as run_command
    from whet.demo.report import show
    from whet.demo.steps import go_round

    show(go_round(args.folder, args.minutes, args.fast, run_command))
    return 0
