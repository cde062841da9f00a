"""The accelerators that this machine has."""

from __future__ import annotations

from collections.abc import Callable

from whet.track.recorded.accelerators.amd import Amd
from whet.track.recorded.accelerators.apple import Apple
from whet.track.recorded.accelerators.ascend import Ascend
from whet.track.recorded.accelerators.nvidia import Nvml
from whet.track.recorded.accelerators.reading import Accelerators

VENDORS: tuple[Callable[[], Accelerators], ...] = (Nvml, Amd, Apple, Ascend)


def accelerators() -> list[Accelerators]:
    """One of each vendor whose library or program is here."""
    found = []
    for vendor in VENDORS:
        try:
            found.append(vendor())
        except (OSError, AttributeError):  # no such driver, or one that lacks what is asked
            continue
    return found
