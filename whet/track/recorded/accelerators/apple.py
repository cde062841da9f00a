"""Apple's GPUs through ioreg, which needs no rights; and what powermetrics says of power, where one may ask it.

Formats: `ioreg -r -c IOAccelerator -d 1 -w 0` (its `PerformanceStatistics`), and `powermetrics` in text (macOS 13 on).
"""

from __future__ import annotations

import os
import re
import shutil

from whet.track.recorded.accelerators.reading import Reading, said

_IOREG = ("ioreg", "-r", "-c", "IOAccelerator", "-d", "1", "-w", "0")
_POWER = ("powermetrics", "-n", "1", "-i", "200", "--samplers", "gpu_power")


class Apple:
    """Raises OSError where there is no ioreg. powermetrics answers only to root."""

    def __init__(self) -> None:
        if shutil.which(_IOREG[0]) is None:
            raise OSError("there is no ioreg")
        self._may_ask_power = os.geteuid() == 0 and shutil.which(_POWER[0]) is not None

    def read(self) -> list[Reading]:
        power, clock = of_powermetrics(said(_POWER)) if self._may_ask_power else (None, None)
        return of_ioreg(said(_IOREG), power, clock)


def of_ioreg(text: str, power_w: float | None = None, clock_mhz: float | None = None) -> list[Reading]:
    """Devices in what ioreg prints, one a `PerformanceStatistics`."""
    found = []
    for index, block in enumerate(re.findall(r'"PerformanceStatistics"\s*=\s*\{(.*?)\}', text, re.DOTALL)):
        values = {name: float(value) for name, value in re.findall(r'"([^"]+)"\s*=\s*(\d+)', block)}
        model = re.findall(r'"model"\s*=\s*<?"([^"]+)"', text)
        found.append(
            Reading(
                index,
                model[index] if index < len(model) else "",
                percent=values.get("Device Utilization %"),
                memory_bytes=values.get("In use system memory"),
                power_w=power_w if index == 0 else None,
                clock_mhz=clock_mhz if index == 0 else None,
            )
        )
    return found


def of_powermetrics(text: str) -> tuple[float | None, float | None]:
    """The GPU's power in watts and its clock in megahertz."""
    power = re.search(r"(?m)^GPU Power:\s*([\d.]+)\s*mW", text)
    clock = re.search(r"(?m)^GPU (?:HW )?active frequency:\s*([\d.]+)\s*MHz", text)
    return (float(power[1]) / 1000 if power else None, float(clock[1]) if clock else None)
