"""A full disk, or one that cannot be written, told in a sentence wherever a run meets it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whet.base.errors import RunError, WhetError

_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
# Writers in Rust and C++ (tokenizers, safetensors, torch) hand on the system's words alone.
_WORDS = tuple(os.strerror(number) for number in _ERRORS)


@contextmanager
def full_disk(run: Path | None = None) -> Iterator[None]:
    """Turn a write that found no room into a RunError that says how to go on; `run` is the folder that holds one."""
    try:
        yield
    except WhetError:
        raise
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        name = getattr(error, "filename", None) or "a file of the run"
        then = f", then continue with `whet train {run}`" if run else ", and try again"
        raise RunError(
            f"{name} cannot be written: {reason}", at=str(run or name), hint=f"free some space{then}"
        ) from error


def _reason(error: BaseException) -> str | None:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _ERRORS:
            return os.strerror(seen.errno)
        if found := next((words for words in _WORDS if words in str(seen)), None):
            return found
        seen = seen.__cause__ or seen.__context__
    return None
