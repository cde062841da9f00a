"""AMD's devices through amd-smi, or rocm-smi where that is not there.

Formats: `amd-smi metric --json` (ROCm 6: AMD SMI CLI reference) and `rocm-smi ... --json` (ROCm SMI CLI).
"""

from __future__ import annotations

import json
import shutil
from typing import Any

from whet.track.recorded.accelerators.reading import Reading, Stack, first_number, said

_AMD = ("amd-smi", "metric", "--usage", "--mem-usage", "--power", "--temperature", "--clock", "--json")
_ROCM = ("rocm-smi", "--showuse", "--showmeminfo", "vram", "--showpower", "--showtemp", "--showclocks", "--json")
_MIB = 1 << 20
ROCM = Stack("ROCm", "https://download.pytorch.org/whl/rocm7.2", "HIP_VISIBLE_DEVICES", "amd-smi")


class Amd:
    """Raises OSError where neither program is installed."""

    def __init__(self) -> None:
        if shutil.which(_AMD[0]):
            self._command, self._parse = _AMD, of_amd_smi
        elif shutil.which(_ROCM[0]):
            self._command, self._parse = _ROCM, of_rocm_smi
        else:
            raise OSError("neither amd-smi nor rocm-smi is there")

    def read(self) -> list[Reading]:
        return self._parse(said(self._command))


def of_amd_smi(text: str) -> list[Reading]:
    """Devices in the JSON of `amd-smi metric`: numbers stand bare, as text with a unit, or beside their unit."""
    value = _parsed(text)
    devices = value.get("gpu_data", []) if isinstance(value, dict) else value
    found = []
    told = [one for one in devices if isinstance(one, dict)] if isinstance(devices, list) else []
    for place, device in enumerate(told):
        memory, power = _part(device, "mem_usage"), _part(device, "power")
        clocks = _part(_part(device, "clock"), "gfx_0")
        used, total = _value(memory.get("used_vram")), _value(memory.get("total_vram"))
        temperature = _part(device, "temperature")
        found.append(
            Reading(
                int(device.get("gpu", place)),
                percent=_value(_part(device, "usage").get("gfx_activity")),
                memory_bytes=None if used is None else used * _MIB,
                memory_limit_bytes=None if total is None else total * _MIB,
                power_w=_first(power, "socket_power", "current_socket_power", "average_socket_power"),
                temperature_c=_first(temperature, "hotspot", "edge"),
                clock_mhz=_value(clocks.get("clk")),
                stack=ROCM,
            )
        )
    return found


def of_rocm_smi(text: str) -> list[Reading]:
    """Devices in the JSON of `rocm-smi`: an object a card, whose keys are sentences."""
    value = _parsed(text)
    found = []
    for name, card in value.items() if isinstance(value, dict) else ():
        if not (name.startswith("card") and name[4:].isdecimal() and isinstance(card, dict)):
            continue
        found.append(
            Reading(
                int(name[4:]),
                percent=_matching(card, "GPU use (%)"),
                memory_bytes=_matching(card, "VRAM Total Used Memory (B)"),
                memory_limit_bytes=_matching(card, "VRAM Total Memory (B)"),
                power_w=_matching(card, "Socket Graphics Package Power (W)", "Socket Power (W)", "Package Power (W)"),
                temperature_c=_matching(card, "Sensor junction", "Sensor edge"),
                clock_mhz=_matching(card, "sclk clock speed"),
                stack=ROCM,
            )
        )
    return found


def _parsed(text: str) -> Any:
    """The JSON in what a program printed, which may stand behind warnings."""
    for mark in "{[":
        if mark in text:
            start = min(place for place in (text.find("{"), text.find("[")) if place >= 0)
            try:
                return json.loads(text[start:])
            except ValueError:
                return {}
    return {}


def _part(value: Any, name: str) -> dict[str, Any]:
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _value(entry: Any) -> float | None:
    return first_number(entry.get("value") if isinstance(entry, dict) else entry)


def _first(values: dict[str, Any], *names: str) -> float | None:
    return next((found for name in names if (found := _value(values.get(name))) is not None), None)


def _matching(card: dict[str, Any], *parts: str) -> float | None:
    """The number under the first key that has one of these words in it."""
    for part in parts:
        for name, value in card.items():
            if part in name and (found := first_number(value)) is not None:
                return found
    return None
