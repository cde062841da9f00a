"""`--plugin FILE`: further kinds for commands that read no config, where `plugins:` would name them."""

from __future__ import annotations

import argparse


def add_plugin_argument(parser: argparse.ArgumentParser) -> None:
    """Let a command take files whose decorators register kinds."""
    parser.add_argument(
        "--plugin", action="append", metavar="FILE", help="Python file that registers further kinds; repeatable"
    )


def load_plugins(args: argparse.Namespace) -> None:
    """Import the files that were given. Raises ConfigError when one is missing or fails."""
    for path in getattr(args, "plugin", None) or ():
        from whet.base.paths import user_path
        from whet.base.slots import load_plugin

        load_plugin(user_path(path, at="--plugin"))
