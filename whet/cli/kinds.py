"""`NAME KEY=VALUE ...`: a kind and its settings on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Sequence
from typing import Any


def add_kind_argument(parser: argparse.ArgumentParser, flag: str, slot: str, default: str | None, help: str) -> None:
    """Let a command take one kind of a slot with its settings; without a default it is required."""
    parser.add_argument(
        flag,
        nargs="+",
        default=[default] if default else None,
        required=default is None,
        metavar=("NAME", "KEY=VALUE"),
        help=f"{help}; `whet slots {slot}` lists names, `whet slots {slot} NAME` settings"
        + (f" (default: {default})" if default else ""),
    )


def named(
    words: Sequence[str],
    example: str,
    read: Callable[[str], Any] | None = None,
    texts: Callable[[str], Collection[str]] = lambda name: (),
) -> tuple[str, dict[str, Any]]:
    """The name and the settings, values read as in a config, or by `read`; `texts` of a name stay as typed."""
    from whet.base.errors import ConfigError
    from whet.base.yaml import parse_value

    name, *given = words
    settings: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"`{text}` is not a setting", hint=f"a name and its value, such as {example}")
        settings[key] = value if key in texts(name) else (read or parse_value)(value)
    return name, settings
