"""What ended a command, told once where a launcher has started it as several ranks."""

from __future__ import annotations

import os
import sys


def is_echo_of_rank_0() -> bool:
    """Whether this process is one of several ranks whose first, or whose launcher of ours, says the same."""
    from whet.train.ranks.notes import is_launched

    return is_launched() or os.environ.get("RANK", "0") != "0"


def tell(error: str, *, is_echo: bool = False) -> None:
    """Print the message of what ended this process: rank 0's, and others' where no launcher prints them.

    Ranks that are refused say the same. torchrun prints its own page behind all that ranks have printed, and the
    message stands on that too; our launcher prints what rank 0 has not said. It knows best why a rank has gone: what
    `is_echo` of that is left to it.
    """
    from whet.train.ranks.notes import is_launched, leave_refusal

    rank = "0" if os.environ.get("WORLD_SIZE", "") in ("", "1") else os.environ.get("RANK", "0")
    is_told = leave_refusal(error, is_echo=is_echo)
    if is_echo and is_told and is_launched():
        return
    if rank == "0":
        print(error, file=sys.stderr)
    elif not is_told:
        print(f"rank {rank}: {error}", file=sys.stderr)
