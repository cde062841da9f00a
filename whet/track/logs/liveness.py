"""Liveness: a log and a run are locked by their writer, and the kernel lets go however the process dies."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path


def hold(fd: int) -> bool:
    """Lock an open file until it is closed everywhere. False where the file system has no locks."""
    try:
        # It may wait for a reader that is just asking `is_held`, which takes microseconds.
        fcntl.flock(fd, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def let_go(fd: int) -> None:
    """Unlock an open file now. Closing it is not enough while a program that was just started still has a copy."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)


def try_hold(fd: int, patience_s: float = 0.5) -> bool | None:
    """Lock an open file unless another holds it, which gives False; None where the file system has no locks."""
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:  # or a reader is just asking `is_held`
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        except OSError:
            return None


def is_held(path: Path) -> bool:
    """Whether some process, this one included, holds the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would be waited for
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
