"""The numbers every tracker's page is measured on: runs to compare and a long run, the same for each tracker."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping


def compared(num_runs: int, num_metrics: int, num_steps: int) -> Iterator[tuple[str, Iterator[Mapping[str, float]]]]:
    """Each run's name, and its metrics step by step."""
    for number in range(num_runs):
        yield f"one-{number:02}", _steps(number, num_metrics, num_steps)


def _steps(number: int, num_metrics: int, num_steps: int) -> Iterator[Mapping[str, float]]:
    rng = random.Random(number)
    names = [f"metric/{m:02}" for m in range(num_metrics)]
    for step in range(num_steps):
        fallen = math.exp(-step / (100 + 30 * number))
        yield {name: fallen + rng.random() / 20 for name in names}


def long(num_steps: int) -> Iterator[Mapping[str, float]]:
    """A loss that falls, with noise and one spike of 1000."""
    rng = random.Random(0)
    spike = int(0.618034 * num_steps)
    for step in range(num_steps):
        yield {"loss": 1000.0 if step == spike else 2 * math.exp(-5 * step / num_steps) + rng.random() / 10}
