"""What integrations share: the run they log to, and the numbers among what a framework reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from whet.track.script.api import get_run, init
from whet.track.script.script_run import Run


def joined(settings: Mapping[str, Any], config: Any = None) -> Run:
    """The run that is open, or a new one by `settings` (arguments of `init`). It takes over the config."""
    run = get_run() or init(**settings)
    if config is not None:
        run.config.update(config)
    return run


def part_named(name: str) -> str:
    """A name of a Trainer's, `eval_loss`, as one of a part: `eval/loss`."""
    part, mark, rest = name.partition("_")
    return f"{part}/{rest}" if mark and part in ("eval", "test") else name


def numbers(values: Mapping[Any, Any], prefix: str = "") -> dict[str, float]:
    """The entries that are numbers (of one element, where they are arrays), under their names as texts."""
    found = {}
    for name, value in values.items():
        is_word = isinstance(value, str | bytes | Mapping | list | tuple) or value is None
        if not is_word and getattr(value, "size", 1) in (1, ()) or callable(getattr(value, "item", None)):
            try:
                found[f"{prefix}{name}"] = float(value)
            except (TypeError, ValueError):
                continue
    return found
