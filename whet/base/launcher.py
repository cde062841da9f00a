"""Processes that end with the one that started them, however that one ends."""

from __future__ import annotations

import os
import threading
import time

from whet.base.errors import ConfigError

LOOK_S = 0.5
LAUNCHED = "WHET_RANKS"  # the variable that whet's launcher gives its ranks


def world_size() -> int:
    """Processes that torchrun, or its like, has started for this run. Raises ConfigError where its variable is none."""
    text = os.environ.get("WORLD_SIZE") or "1"
    if text.isascii() and text.isdecimal() and 0 < int(text[:7]) < 10**6:
        return int(text)
    said = f"WORLD_SIZE is {text[:40]!r}, and the number of ranks is a whole one from 1 on"
    raise ConfigError(said, at="environment", hint="leave it to torchrun, or to --ranks 2")


def end_with_parent() -> None:
    """Leave within a second when the parent process has gone, also out of a call that never ends.

    A thread looks: Linux's parent-death signal would come when the thread that started us ends, not its process.
    """
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), name="whet-parent", daemon=True).start()


def end_with_launcher() -> None:
    """As `end_with_parent`, where torchrun or its like started this process as one of several ranks, or whet's own
    launcher as the only one."""
    if world_size() > 1 or LAUNCHED in os.environ:
        end_with_parent()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
