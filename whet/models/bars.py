"""transformers' progress bars, shown where somebody watches and only when it takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from transformers.utils.logging import set_tqdm_hook

# Seconds before a bar appears: a small model is loaded sooner.
PATIENCE_S = 2.0


@contextmanager
def patient_bars() -> Iterator[None]:
    """Inside the block, bars of transformers wait for PATIENCE_S, and stay away where stderr is no terminal."""
    before = set_tqdm_hook(_patient)
    try:
        yield
    finally:
        set_tqdm_hook(before)


def _patient(make: Callable[..., Any], arguments: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    return make(*arguments, **{"delay": PATIENCE_S, "disable": None, **settings})
