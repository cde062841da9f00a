"""`whet ui`: the page over the runs of a folder, in a browser."""

from __future__ import annotations

import argparse
import sys

from whet.cli.commands import server


def add_arguments(parser: argparse.ArgumentParser) -> None:
    server.add_arguments(parser, port=8100)


def main(args: argparse.Namespace) -> int:
    from whet.server.bundle import is_built
    from whet.server.routes import page

    if not is_built():
        print("the page of this source tree is not built yet: make web", file=sys.stderr)
    return server.run(args, [page.router()])
