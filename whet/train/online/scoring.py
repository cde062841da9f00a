"""Scoring: what the models say of answers before anything is learned from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whet.contracts.model import Readout
from whet.contracts.sample import Sample
from whet.contracts.steps import Step
from whet.train.deal import Dealer
from whet.train.executor import Executor
from whet.train.reference import Frozen

_LOGPROBS, _VALUES = frozenset({"logprobs"}), frozenset({"values"})


@dataclass(frozen=True, slots=True)
class Scoring:
    """Numbers of trained tokens, read at the temperature of the draws, in evaluation mode and without gradient.

    Ranks share the samples, and every rank gets all numbers.
    """

    executor: Executor
    dealer: Dealer
    temperature: float

    def __call__(self, samples: Sequence[Sample], wants: frozenset[str]) -> Mapping[str, list[np.ndarray]]:
        """Of each sample the numbers of all its trained tokens, in order (float64), by name."""
        step = Step(-1, [s.num_tokens for s in samples], samples.__getitem__)
        rows = self.dealer.rows(step.lengths)[self.dealer.world.rank :: self.dealer.world.size]
        own: dict[int, dict[str, np.ndarray]] = {}
        for number, batch in enumerate(self.dealer(step)):
            found = self._scores(batch.to(self.executor.world.device), wants)
            if number >= len(rows):  # a dummy: the others needed this rank's shards
                continue
            counts = [int((samples[i].weights > 0).sum()) for i in rows[number]]
            parts = {name: np.split(column, np.cumsum(counts)[:-1]) for name, column in found.items()}
            own |= {i: {name: parts[name][place] for name in parts} for place, i in enumerate(rows[number])}
        everyone = {i: numbers for part in self.executor.world.gathered(own) for i, numbers in part.items()}
        return {name: [everyone[i][name] for i in range(len(samples))] for name in sorted(wants)}

    def _scores(self, batch: Any, wants: frozenset[str]) -> dict[str, np.ndarray]:
        models, readout = self.executor.models, Readout(self.temperature)
        policy = Frozen(self.executor.module, models.policy)
        asked = frozenset((_LOGPROBS if "old" in wants else set()) | (_VALUES if "value" in wants else set()))
        found = {}
        with self.executor.precision():
            if asked:
                said = policy.run(batch, asked, readout)
                found = {name: said[want] for name, want in (("old", "logprobs"), ("value", "values")) if want in said}
            if "reference" in wants:
                found["reference"] = models["reference"].run(batch, _LOGPROBS, readout)["logprobs"]
        return {name: column.double().cpu().numpy() for name, column in found.items()}
