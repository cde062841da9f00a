"""Forms: what becomes of a stored sample each time it is learned from, for objectives that do more than read on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any, Protocol

import numpy as np

from whet.base.seeds import derive
from whet.contracts.sample import Sample
from whet.contracts.steps import Step, StepSource, Stop
from whet.data.render.recipe import RowsToSamples, Truncation

# The pass over the data that held-out samples are drawn for: always the same one.
HELD_OUT_PASS = -1


class Form(Protocol):
    """How rows become samples, and what a sample looks like when it is learned from.

    `draw(sample, passes)` is a function of the sample's place in the data, the run's seed and `passes` alone, so no
    split of a step, no rank and no resume changes what it gives. `length` is that of a drawn sample, from the stored
    one's. `example(ids)` is a drawn sample of that many tokens, for measuring memory.
    """

    def recipe(
        self, takes: frozenset[str], max_length: int | None, truncation: Truncation, context: int | None
    ) -> RowsToSamples: ...

    def draw(self, sample: Sample, passes: int) -> Sample: ...

    def length(self, stored: int) -> int: ...

    def example(self, ids: np.ndarray) -> Sample: ...


class Drawn:
    """The steps of `source`, their samples drawn in a form for the pass over the data that the step belongs to."""

    def __init__(self, source: StepSource, form: Form) -> None:
        self._source, self._form = source, form
        self.notices: tuple[str, ...] = getattr(source, "notices", ())

    @property
    def total(self) -> int:
        return self._source.total

    @property
    def can_prefetch(self) -> bool:
        return self._source.can_prefetch

    def next(self, step: int) -> Step | Stop:
        found = self._source.next(step)
        return found if isinstance(found, Stop) else drawn(found, self._form, found.passes)

    def state_dict(self) -> dict[str, Any]:
        return self._source.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._source.load_state_dict(state)


def drawn(step: Step, form: Form, passes: int) -> Step:
    """The step with its samples drawn for one pass over the data."""
    lengths = [form.length(length) for length in step.lengths]
    return replace(step, lengths=lengths, fetch=partial(_fetch, form, step.fetch, passes))


def generator(seed: int, name: str, sample: Sample, passes: int) -> np.random.Generator:
    """Random numbers of one sample in one pass, by file, row and part, wherever the folder lies."""
    origin = sample.origin
    place: Sequence[int | str] = (PurePath(origin.source).name, origin.row, origin.part) if origin else ()
    return np.random.Generator(np.random.Philox(key=derive(name, seed, passes, *place)))


def _fetch(form: Form, fetch: Callable[[int], Sample], passes: int, index: int) -> Sample:
    return form.draw(fetch(index), passes)
