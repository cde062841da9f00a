"""Huawei's Ascend devices through npu-smi.

Format: the table of `npu-smi info` (CANN, npu-smi command reference): two lines a chip, columns between bars.
"""

from __future__ import annotations

import re
import shutil

from whet.track.recorded.accelerators.reading import Reading, said

_NPU = ("npu-smi", "info")
_MIB = 1 << 20
_PAIR = re.compile(r"(\d+)\s*/\s*(\d+)")


class Ascend:
    """Raises OSError where there is no npu-smi."""

    def __init__(self) -> None:
        if shutil.which(_NPU[0]) is None:
            raise OSError("there is no npu-smi")

    def read(self) -> list[Reading]:
        return of_npu_smi(said(_NPU))


def of_npu_smi(text: str) -> list[Reading]:
    """Devices in the table: of each chip a line with name, health, power and temperature, then one with its use.

    Memory is that of HBM where a device has it (the last pair), else of its DDR.
    """
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in text.splitlines() if "|" in line]
    found = list[Reading]()
    for first, second in zip(rows, rows[1:], strict=False):
        name = re.fullmatch(r"(\d+)\s+(\S*[A-Za-z].*)", first[0])
        if len(first) < 3 or len(second) < 3 or name is None or not re.match(r"\d", second[0]):
            continue
        figures, use = first[2].split(), second[2]
        pairs = [(int(used), int(total)) for used, total in _PAIR.findall(use) if int(total)]
        percent = re.match(r"\d+(?:\.\d+)?", use)
        found.append(
            Reading(
                len(found),
                name[2].strip(),
                percent=float(percent[0]) if percent else None,
                memory_bytes=pairs[-1][0] * _MIB if pairs else None,
                memory_limit_bytes=pairs[-1][1] * _MIB if pairs else None,
                power_w=_number(figures, 0),
                temperature_c=_number(figures, 1),
            )
        )
    return found


def _number(words: list[str], place: int) -> float | None:
    try:
        return float(words[place])
    except (IndexError, ValueError):  # NA
        return None
