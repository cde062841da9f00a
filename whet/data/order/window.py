"""Windows: close samples that come in order into whole steps, by best fit, and lose none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whet.data.order.epochs import WINDOW, Order
from whet.data.order.pack import BestFit
from whet.data.order.shuffle import shuffled


def close_window(
    costs: Sequence[int], budget: int, max_steps: int, *, key: Sequence[int] | None, is_last: bool
) -> tuple[list[list[int]], list[int]]:
    """Put samples, in order, into steps of at most `budget`; returns the steps and what did not fit.

    Online best fit takes samples as they come, so the lengths in each step are distributed as the
    data's; best fit on descending length would collect the long ones in the first steps. A sample
    above the budget has a step to itself. The first sample always fits, so none is carried for ever.
    The steps are then shuffled by `key`; in an epoch's last window the one opened last stays last,
    because it may be short.
    """
    fit = BestFit(budget)
    steps: list[list[int]] = []
    carried: list[int] = []
    for index, cost in enumerate(costs):
        cost = min(cost, budget)
        step = fit.place(cost)
        if step is None and len(steps) < max_steps:
            steps.append([])
            step = fit.open(cost)
        (carried if step is None else steps[step]).append(index)
    if key is not None:
        num_free = len(steps) - (is_last and not carried)
        steps[:num_free] = [steps[i] for i in shuffled(num_free, *key)]
    return steps, carried


@dataclass(frozen=True, slots=True)
class Place:
    """Where a window starts: its epoch, how many samples of it are taken, and those carried over."""

    epoch: int = 0
    window: int = 0
    taken: int = 0
    carried: tuple[int, ...] = ()

    @property
    def served(self) -> int:
        """How many samples of the epoch the steps before this window hold."""
        return self.taken - len(self.carried)


class Planner:
    """The steps of any window, from the order and the samples' costs.

    A window takes what was carried and then samples in order until their costs fill all its steps,
    so what is carried on costs no more than the room that best fit left empty.
    """

    def __init__(self, order: Order, costs: np.ndarray, budget: int, window_steps: int) -> None:
        self.order, self.costs, self.budget, self.window_steps = order, costs, budget, window_steps
        self._mean = max(1.0, float(np.minimum(costs, budget).mean())) if len(costs) else 1.0

    def window(self, place: Place) -> tuple[list[list[int]], Place]:
        """Sample indices of each step of the window at `place`, and where the next one starts."""
        length = self.order.length(place.epoch)
        taken = self._take(place, length)
        samples = [*place.carried, *taken.tolist()]
        end = place.taken + len(taken)
        key = (self.order.seed, place.epoch, WINDOW, place.window) if self.order.shuffle else None
        steps, carried = close_window(
            self.costs[samples].tolist(), self.budget, self.window_steps, key=key, is_last=end == length
        )
        following = Place(place.epoch, place.window + 1, end, tuple(samples[i] for i in carried))
        if end == length and not carried:
            following = Place(place.epoch + 1)
        return [[samples[i] for i in step] for step in steps], following

    def _take(self, place: Place, length: int) -> np.ndarray:
        """Samples in order from `place` on until, with the carried ones, they fill the window."""
        missing = self.budget * self.window_steps - int(self._clipped(list(place.carried)).sum())
        start, taken = place.taken, [np.empty(0, np.int64)]
        while missing > 0 and start < length:
            guess = int(missing / self._mean * 1.1) + 16
            samples = self.order(place.epoch, start, start + guess)
            sums = np.cumsum(self._clipped(samples))
            samples = samples[: int(np.searchsorted(sums, missing)) + 1]
            missing -= int(sums[len(samples) - 1])
            start += len(samples)
            taken.append(samples)
        return np.concatenate(taken)

    def _clipped(self, samples: np.ndarray | list[int]) -> np.ndarray:
        return np.minimum(self.costs[samples], self.budget).astype(np.int64)
