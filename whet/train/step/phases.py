"""Phases: how long the parts of a step take, on the clock of the device that works."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# What the loop itself waits for among ranks: sums and agreements. FSDP's own runs beside forward and backward.
COMMUNICATION = "communication_s"


class Phases:
    """Seconds by name. A GPU is asked only by `take`, once it has done all of it: a clock of the host would tell when
    work was handed over."""

    def __init__(self, device: torch.device | None = None) -> None:
        self._on_gpu = device is not None and device.type == "cuda"
        self.now = "start"
        self._seconds: dict[str, float] = defaultdict(float)
        self._events: list[tuple[str, torch.cuda.Event, torch.cuda.Event]] = []

    @contextmanager
    def at(self, name: str) -> Iterator[None]:
        """Inside, this is what `now` says: what the run is at, for whoever looks from another thread."""
        before, self.now = self.now, name
        yield
        self.now = before  # not where it raised: then it was the last

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """What is done inside belongs to the phase of this name, and is what `now` says."""
        with self.at(name.removesuffix("_s")):
            yield from self._timed(name)

    def _timed(self, name: str) -> Iterator[None]:
        if not self._on_gpu:
            began = time.perf_counter()
            yield
            self._seconds[name] += time.perf_counter() - began
            return
        first, last = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record()
        yield
        last.record()
        self._events.append((name, first, last))

    def take(self) -> dict[str, float]:
        """The seconds since this was last asked."""
        for name, first, last in self._events:
            last.synchronize()
            self._seconds[name] += first.elapsed_time(last) / 1000
        found = dict(self._seconds)
        self._seconds.clear()
        self._events.clear()
        return found
