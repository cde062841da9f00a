"""How long a process waits for its followers at its very end."""

from __future__ import annotations

import os

from whet.base.errors import RunError

WAIT_VARIABLE = "WHET_FOLLOW_WAIT_S"
# The first process of a container, with which all others end, waits by itself.
_WAIT_OF_FIRST_S = 60.0


def waiting_s() -> float:
    """How long a process waits for its followers when all else is done. Raises RunError for what is no time."""
    said = os.environ.get(WAIT_VARIABLE, "")
    try:
        seconds = float(said) if said else _WAIT_OF_FIRST_S if os.getpid() == 1 else 0.0
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise RunError(f"{WAIT_VARIABLE}={said} is no number of seconds", hint=f"{WAIT_VARIABLE}=60")
    return seconds
