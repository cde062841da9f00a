"""A run that has ended leaves its listing beside its logs, where that costs it nothing."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path


def leave_listing(folder: Path) -> None:
    """Leave the listing of a run that has just ended. Raises nothing.

    Not where that would load numpy, which takes longer than a listing without it.
    """
    if "numpy" in sys.modules:
        with suppress(Exception):  # it is a help to readers, and none of it may reach the script
            from whet.track.reading.catalogue import listed

            listed(folder)
