"""Energy from two looks at the devices and at the processors' own meters, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whet.track.recorded.accelerators.reading import Reading

JOULES_A_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Prices:
    """What the machine costs an hour, and energy a kilowatt-hour, in any currency."""

    per_hour: float = 0.0
    per_kwh: float = 0.0


FREE = Prices()


def energy_of(before: Sequence[Reading], now: Sequence[Reading], seconds: float) -> float | None:
    """Joules that devices took between two looks: by their own meters, else by their power. None where none tells."""
    known = {one.index: one for one in before}
    found = []
    for one in now:
        first = known.get(one.index)
        if first is not None and one.energy_j is not None and first.energy_j is not None:
            found.append(max(0.0, one.energy_j - first.energy_j))
        elif one.power_w is not None:
            earlier = one.power_w if first is None or first.power_w is None else first.power_w
            found.append((one.power_w + earlier) / 2 * seconds)
    return sum(found) if found else None


def processor_energy(powercap: Path = Path("/sys/class/powercap")) -> float | None:
    """Joules that the processors' own meters (RAPL) count; None where they may not be read, which most often is so."""
    total = None
    for path in powercap.glob("*-rapl:[0-9]*/energy_uj"):
        if path.parent.name.count(":") == 1:  # parts of a package are counted in it
            with suppress(OSError, ValueError):
                total = (total or 0.0) + int(path.read_text()) / 1e6
    return total
