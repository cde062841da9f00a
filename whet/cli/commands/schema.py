"""`whet schema`: the JSON Schema of a run's config, for editors and forms."""

from __future__ import annotations

import argparse
import json

from whet.cli.arguments import whole
from whet.cli.plugins import add_plugin_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--indent", type=whole(0, 100), default=2, help="spaces of indentation")
    add_plugin_argument(parser)


def main(args: argparse.Namespace) -> int:
    from whet.base.json_schema import run_schema

    print(json.dumps(run_schema(), indent=args.indent, ensure_ascii=False))
    return 0
