"""Terminals as they are: any encoding, streams that are closed or that nobody reads."""

from __future__ import annotations

import codecs
import os
import select
import sys
from typing import Any

ESCAPES = "whet.escape"  # our own name among Python's error handlers


def survive_encodings() -> None:
    """Have stdout and stderr write what their encoding lacks as `\\uXXXX`, which JSON reads; stdin reads any bytes."""
    codecs.register_error(ESCAPES, _escaped)
    for stream, how in ((sys.stdout, ESCAPES), (sys.stderr, ESCAPES), (sys.stdin, "replace")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=how)


def can_say(text: str) -> bool:
    """Whether stdout's encoding has all letters of `text`."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")  # a stream in memory has none, and holds all
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def write_out() -> None:
    """Write what stdout still holds, while there is somebody to say that it failed. Raises OSError where it does."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:  # a full disk
        _silence(sys.stdout.fileno())
        raise


def nobody_reads() -> bool:
    """Whether what stdout writes to has been closed at its other end, as `| head` does. Then stdout is silenced."""
    try:
        number = sys.stdout.fileno()
        watched = select.poll()
        watched.register(number, 0)
        is_closed = any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0))
    except (AttributeError, OSError, ValueError):
        return True  # no stream at all
    if is_closed:
        _silence(number)
    return is_closed


def _silence(number: int) -> None:
    """Python writes what is left when it ends, and would say that it cannot."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Two escapes for what lies beyond 16 bits, as in JSON."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text: Any = error.object[error.start : error.end]
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(f"\\u{unit:04x}" for unit in pairs), error.end
