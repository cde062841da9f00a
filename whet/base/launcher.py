"""Processes that end with the one that started them, however that one ends."""

from __future__ import annotations

import os
import threading
import time

LOOK_S = 0.5
LAUNCHED = "WHET_RANKS"  # the variable that whet's launcher gives its ranks


def end_with_parent() -> None:
    """Leave within a second when the parent process has gone, also out of a call that never ends.

    A thread looks: Linux's parent-death signal would come when the thread that started us ends, not its process.
    """
    parent = os.getppid()
    threading.Thread(target=_end_with, args=(parent,), name="whet-parent", daemon=True).start()


def end_with_launcher() -> None:
    """As `end_with_parent`, where torchrun or its like started this process as one of several ranks, or whet's own
    launcher as the only one."""
    if int(os.environ.get("WORLD_SIZE") or "1") > 1 or LAUNCHED in os.environ:
        end_with_parent()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
