"""What ended a command, told once where a launcher has started it as several ranks."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress

# Where torchrun (torch 2.13) wants to be told why a rank has failed. It prints that behind all that ranks have printed.
FILE = "TORCHELASTIC_ERROR_FILE"


def tell(error: str) -> None:
    """Print the message of what ended this process: rank 0's, and others' where no launcher prints them.

    Ranks that are refused say the same, and torchrun's own page comes last: the message stands on that too.
    """
    rank = "0" if os.environ.get("WORLD_SIZE", "") in ("", "1") else os.environ.get("RANK", "0")
    is_told = _handed_on(error)
    if rank == "0":
        print(error, file=sys.stderr)
    elif not is_told:
        print(f"rank {rank}: {error}", file=sys.stderr)


def _handed_on(error: str) -> bool:
    """Leave the message for the launcher. Whether that could be done."""
    if path := os.environ.get(FILE):
        told = {"message": error, "extraInfo": {"timestamp": str(int(time.time()))}}
        with suppress(OSError), open(path, "w", encoding="utf-8") as file:
            json.dump({"message": told}, file)
            return True
    return False
