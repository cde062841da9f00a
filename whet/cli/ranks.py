"""What ended a command, told once where a launcher has started it as several ranks."""

from __future__ import annotations

import os
import sys


def tell(error: str) -> None:
    """Print the message of what ended this process: rank 0's, and others' where no launcher prints them.

    Ranks that are refused say the same. torchrun prints its own page behind all that ranks have printed, and the
    message stands on that too; our launcher prints what rank 0 has not said.
    """
    from whet.train.ranks.notes import leave_refusal

    rank = "0" if os.environ.get("WORLD_SIZE", "") in ("", "1") else os.environ.get("RANK", "0")
    is_told = leave_refusal(error)
    if rank == "0":
        print(error, file=sys.stderr)
    elif not is_told:
        print(f"rank {rank}: {error}", file=sys.stderr)
