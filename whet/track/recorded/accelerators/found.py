"""The accelerators that this machine has."""

from __future__ import annotations

from collections.abc import Callable

from whet.track.recorded.accelerators.amd import Amd
from whet.track.recorded.accelerators.apple import Apple
from whet.track.recorded.accelerators.ascend import Ascend
from whet.track.recorded.accelerators.nvidia import Nvml
from whet.track.recorded.accelerators.reading import Accelerators, Seldom

# Libraries are asked at every sample; programs, of which some start Python anew, every so many seconds.
LIBRARIES: tuple[Callable[[], Accelerators], ...] = (Nvml,)
PROGRAMS: tuple[Callable[[], Accelerators], ...] = (Amd, Apple, Ascend)
PROGRAMS_EVERY_S = 30.0


def accelerators() -> list[Accelerators]:
    """One of each vendor whose library or program is here."""
    found: list[Accelerators] = []
    for vendor in (*LIBRARIES, *PROGRAMS):
        try:
            devices = vendor()
            found.append(Seldom(devices, PROGRAMS_EVERY_S) if vendor in PROGRAMS else devices)
        except (OSError, AttributeError):  # no such driver, or one that lacks what is asked
            continue
    return found
