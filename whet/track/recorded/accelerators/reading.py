"""What an accelerator says of itself, whoever made it; and programs that are asked for it."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

_PATIENCE_S = 10.0
_FIRST_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Stack:
    """What computes on a vendor's devices: its name in a PyTorch that is built for it, the index of such wheels, the
    variable that hides devices, and the program that shows them."""

    name: str
    wheels: str
    visible: str
    program: str


CUDA = Stack("CUDA", "https://download.pytorch.org/whl/cu128", "CUDA_VISIBLE_DEVICES", "nvidia-smi")


@dataclass(frozen=True, slots=True)
class Reading:
    """One device now; None is not told. `energy_j` only grows; where it is told, power need not be integrated."""

    index: int
    name: str = ""
    percent: float | None = None
    memory_bytes: float | None = None
    memory_limit_bytes: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    clock_mhz: float | None = None
    throttled: float | None = None
    energy_j: float | None = None
    stack: Stack = CUDA

    def levels(self) -> dict[str, float]:
        """The numbers by the names of their curves, `gpu0/percent` and so on."""
        fields = ("percent", "memory_bytes", "power_w", "temperature_c", "clock_mhz", "throttled")
        told = {name: getattr(self, name) for name in fields}
        return {f"gpu{self.index}/{name}": float(value) for name, value in told.items() if value is not None}


class Accelerators(Protocol):
    """The devices of one vendor."""

    def read(self) -> list[Reading]: ...


class Seldom:
    """Devices whose program takes a while to answer: it is asked every `every_s` at most, and told again between."""

    def __init__(self, devices: Accelerators, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._devices, self._every_s, self._clock = devices, every_s, clock
        self._asked_at, self._found = float("-inf"), list[Reading]()

    def read(self) -> list[Reading]:
        if self._clock() - self._asked_at >= self._every_s:
            self._asked_at, self._found = self._clock(), self._devices.read()
        return self._found


def said(command: Sequence[str]) -> str:
    """What a program prints; nothing where it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE_S, start_new_session=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def first_number(text: object) -> float | None:
    """The first number in a text such as `45 W`, `38.0 C` or `N/A`; None without one."""
    match = _FIRST_NUMBER.search(str(text)) if text is not None else None
    return float(match[0]) if match else None
