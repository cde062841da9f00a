"""Liveness: a writer holds a lock on its log, which the kernel lets go however the process dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def hold(fd: int) -> bool:
    """Lock an open file until it is closed everywhere. False where the file system has no locks."""
    try:
        # It may wait for a reader that is just asking `is_held`, which takes microseconds.
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the file."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
