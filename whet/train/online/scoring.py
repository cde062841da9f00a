"""Scoring: what the models say of answers before anything is learned from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whet.contracts.batch import Batch
from whet.contracts.executor import Executor
from whet.contracts.model import Readout
from whet.contracts.sample import Sample
from whet.contracts.steps import Step
from whet.train.step.micro_batches import Dealer

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
        rows = self.dealer.rows(step.lengths)[self.dealer.world.index("data") :: self.dealer.world.count("data")]
        own: dict[int, dict[str, np.ndarray]] = {}
        for number, batch in enumerate(self.dealer(step)):
            found = self._scores(batch, wants)
            if number >= len(rows):  # a dummy: the others needed this rank's shards
                continue
            counts = [int((samples[i].weights > 0).sum()) for i in rows[number]]
            parts = {name: np.split(column, np.cumsum(counts)[:-1]) for name, column in found.items()}
            own |= {i: {name: parts[name][place] for name in parts} for place, i in enumerate(rows[number])}
        everyone = {i: numbers for part in self.dealer.world.gathered(own) for i, numbers in part.items()}
        return {name: [everyone[i][name] for i in range(len(samples))] for name in sorted(wants)}

    def _scores(self, batch: Batch, wants: frozenset[str]) -> dict[str, np.ndarray]:
        readout = Readout(self.temperature)
        asked = frozenset((_LOGPROBS if "old" in wants else set()) | (_VALUES if "value" in wants else set()))
        found = {}
        if asked:
            [said] = self.executor.ask([batch], asked, readout)
            found = {name: said[want] for name, want in (("old", "logprobs"), ("value", "values")) if want in said}
        if "reference" in wants:
            [said] = self.executor.ask([batch], _LOGPROBS, readout, "reference")
            found["reference"] = said["logprobs"]
        return {name: column.double().cpu().numpy() for name, column in found.items()}
