"""Step source over a data set with known lengths: as many steps, tokens or epochs as asked for, resumed exactly."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from whet.base.errors import INSPECT, ConfigError, DataError, RunError
from whet.contracts.sample import Sample
from whet.contracts.steps import Step, Stop
from whet.data.order.dataset import Dataset
from whet.data.order.epochs import Order
from whet.data.order.window import Place, Planner


class DatasetSource:
    """Steps of at most `batch_tokens` tokens or `batch_samples` samples, for `steps`, `tokens` or `epochs`.

    Give one of each. A sample above `batch_tokens` has a step to itself, which `notices` says. With
    `tokens` or a fraction of epochs, the last step is the one that reaches them. Raises ConfigError
    where not exactly one is given, DataError where the weights leave no sample.
    """

    can_prefetch = True

    def __init__(
        self,
        data: Dataset,
        *,
        seed: int,
        batch_tokens: int | None = None,
        batch_samples: int | None = None,
        window_steps: int = 8,
        steps: int | None = None,
        tokens: int | None = None,
        epochs: float | None = None,
        shuffle: bool = True,
    ) -> None:
        budget = only_one(batch_tokens=batch_tokens, batch_samples=batch_samples)
        only_one(steps=steps, tokens=tokens, epochs=epochs)
        if not any(span.weight * (span.stop - span.start) for span in data.spans):
            raise DataError(
                "no source has samples and a weight above 0, so there is nothing to train on",
                hint=f"{INSPECT} shows why rows are skipped",
            )
        if not any(int(span.weight * (span.stop - span.start)) for span in data.spans):
            raise DataError(
                f"with a weight of {max(span.weight for span in data.spans):g} an epoch has not one sample for certain",
                at="data.train",
                hint="weights near 1: it takes each sample once an epoch, 0.5 half of them",
            )
        self._data, self._lengths = data, data.lengths
        self._length = {"steps": steps, "tokens": tokens, "epochs": epochs}
        self._order = {
            "data": data.hash,
            "seed": seed,
            "shuffle": shuffle,
            "batch_tokens": batch_tokens,
            "batch_samples": batch_samples,
            "window_steps": window_steps,
        }
        costs = data.lengths if batch_tokens else np.ones(len(data), np.int32)
        self._planner = Planner(Order(data.spans, seed, shuffle), costs, int(budget), window_steps)
        self._cursor, self._step = Cursor(self._planner, Place()), 0
        self._total: int | None = None
        num_long = int((costs > budget).sum())
        self.notices = (long_samples(num_long, int(budget)),) if num_long else ()

    def over(self, data: Dataset | None = None) -> DatasetSource:
        """The same steps, from the first on, of the same samples; as `data` has them, where it is given."""
        other = copy.copy(self)
        other._data, other._cursor, other._step = (
            self._data if data is None else data,
            Cursor(self._planner, Place()),
            0,
        )
        return other

    @property
    def total(self) -> int:
        """The number of steps, from the lengths alone. Counted once, at about 2 s for a million samples."""
        if self._total is None:
            self._total = self._count()
        return self._total

    def next(self, step: int) -> Step | Stop:
        """The step of this number; they are given out in order. Raises RunError for any other."""
        if step >= self.total:
            return Stop(f"all {self.total:,} steps are done")
        check_turn(step, self._step)
        samples, epoch = self._cursor.advance()
        self._step += 1
        fetch, passes = partial(_fetch, self._data, samples), self._cursor.place.epoch
        return Step(step, self._lengths[samples].tolist(), fetch, epoch, passes, samples=samples)

    def state_dict(self) -> dict[str, Any]:
        """JSON: where the current window starts, how many of its steps are given out, and what defines the order."""
        return {
            "step": self._step,
            "served": self._cursor.served,
            "place": asdict(self._cursor.place),
            "total": self.total,
            "length": self._length,
            "order": self._order,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the last step given out. Raises RunError where the data or the order has changed.

        The length of the run may change; the total is then counted anew.
        """
        refuse_changes(state["order"], self._order)
        place = Place(**{**state["place"], "carried": tuple(state["place"]["carried"])})
        self._cursor, self._step = Cursor(self._planner, place, state["served"]), state["step"]
        self._total = state["total"] if state["length"] == self._length else None

    def _count(self) -> int:
        if self._length["steps"]:
            return int(self._length["steps"])
        cursor, count, tokens, epoch = Cursor(self._planner, Place()), 0, 0, 0.0
        while tokens < (self._length["tokens"] or 0) or epoch < (self._length["epochs"] or 0) - 1e-9:
            samples, epoch = cursor.advance()
            tokens += int(self._lengths[samples].sum())
            count += 1
        return count


class Cursor:
    """Goes through a planner's steps one by one."""

    def __init__(self, planner: Planner, place: Place, served: int = 0) -> None:
        self._planner, self.place, self.served = planner, place, served
        self._steps: list[list[int]] | None = None
        self._following = place

    def advance(self) -> tuple[list[int], float]:
        """The samples of the next step, and the epochs that are done with it."""
        while self._steps is None or self.served == len(self._steps):
            if self._steps is not None:
                self.place, self.served = self._following, 0
            self._steps, self._following = self._planner.window(self.place)
        self.served += 1
        done = self.place.served + sum(map(len, self._steps[: self.served]))
        return self._steps[self.served - 1], self.place.epoch + done / self._planner.order.length(self.place.epoch)


def only_one(**options: float | None) -> float:
    """The value of the one option that is given. Raises ConfigError when it is none or several, or not positive."""
    given = {name: value for name, value in options.items() if value is not None}
    if len(given) != 1:
        found = f"{' and '.join(given)} are given" if given else "none is"
        raise ConfigError(f"give one of {', '.join(options)}: {found}", at="train", hint="train.epochs=1")
    name, value = next(iter(given.items()))
    if value <= 0:
        raise ConfigError(f"{name} is {value}, not positive", at=f"train.{name}", hint=f"train.{name}=1")
    return value


def check_turn(asked: int, expected: int) -> None:
    """Raise RunError when steps are not asked for in order."""
    if asked != expected:
        raise RunError(
            f"step {asked} was asked for, and the data stands at step {expected}",
            hint="continue the run with the data that it began with",
        )


def refuse_changes(stored: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise RunError that names what changed of that which decides the order of samples."""
    changed = [
        f"{name} (was {stored.get(name)}, is {now.get(name)})"
        for name in sorted({*stored, *now})
        if stored.get(name) != now.get(name)
    ]
    if changed:
        raise RunError(
            f"the samples would not come in the order that the checkpoint was trained in: {', '.join(changed)}",
            hint="put it back as it was, or start a new run from the checkpoint's weights",
        )


def long_samples(number: int, budget: int) -> str:
    """The notice about samples above the token budget."""
    return (
        f"{number:,} sample{'s have' if number > 1 else ' has'} more than the {budget:,} tokens of a step, "
        "and a step to each"
    )


def _fetch(data: Dataset, samples: list[int], index: int) -> Sample:
    return data[samples[index]]
