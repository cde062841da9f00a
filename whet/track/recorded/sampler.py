"""Sampler: what processors, memory, disks, network, cgroup and accelerators did since the last look, and its price."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whet.track.recorded.accelerators.found import accelerators
from whet.track.recorded.accelerators.reading import Accelerators, Reading
from whet.track.recorded.cgroups import cgroup_levels
from whet.track.recorded.energy import JOULES_A_KWH, Prices, energy_of, processor_energy
from whet.track.recorded.kernel_figures import PROC, Look, look, rates

ENERGY, COST = "energy_j", "cost"


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look at everything, at a moment in seconds."""

    at: float
    kernel: Look
    devices: Sequence[Reading]
    processor_j: float | None


@dataclass
class Sampler:
    """Samples of one machine and the process tree of `pid`, from now on. Energy and cost add up from here."""

    pid: int
    prices: Prices = Prices()
    vendors: Sequence[Accelerators] = field(default_factory=accelerators)
    proc: Path = PROC
    powercap: Path = Path("/sys/class/powercap")

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._energy_j, self._knows_energy = 0.0, False
        self._last = self._seen(self._began)

    def sample(self, now: float) -> dict[str, float]:
        """The figures by the names of their curves, as of `now` (of `time.monotonic`)."""
        before, self._last = self._last, self._seen(now)
        seconds = now - before.at
        found = {**rates(before.kernel.counters, self._last.kernel.counters, seconds), **self._last.kernel.levels}
        found |= cgroup_levels(self.proc / "self" / "cgroup")
        for device in self._last.devices:
            found |= device.levels()
        self._add_energy(before, seconds)
        if self._knows_energy:
            found[ENERGY] = self._energy_j
        if self.prices.per_hour or (self.prices.per_kwh and self._knows_energy):
            hours, kwh = (now - self._began) / 3600, self._energy_j / JOULES_A_KWH
            found[COST] = hours * self.prices.per_hour + kwh * self.prices.per_kwh
        return found

    def _add_energy(self, before: _Seen, seconds: float) -> None:
        joules = energy_of(before.devices, self._last.devices, seconds)
        if joules is not None:
            self._energy_j, self._knows_energy = self._energy_j + joules, True
        if before.processor_j is not None and self._last.processor_j is not None:
            # The meter begins anew now and then.
            self._energy_j += max(0.0, self._last.processor_j - before.processor_j)
            self._knows_energy = True

    def _seen(self, now: float) -> _Seen:
        devices = [reading for vendor in self.vendors for reading in vendor.read()]
        return _Seen(now, look(self.pid, self.proc), devices, processor_energy(self.powercap))
