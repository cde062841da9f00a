"""The executor of ranks that each run the whole model, on samples of their own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from whet.base.seeds import forked
from whet.contracts.batch import Batch
from whet.contracts.executor import POLICY, Weights
from whet.contracts.model import PLAIN, Model, Readout
from whet.contracts.objective import Coupled
from whet.models.features.carried import features_of
from whet.models.forward import batch_norm
from whet.parallel.shard import sum_gradients_now
from whet.parallel.whole import whole_tensors
from whet.train.step.frozen import Frozen
from whet.train.step.ledger import Ledger
from whet.train.step.relabel import draws, relabelled
from whet.train.step.stepping import Stepping


@dataclass(frozen=True)
class DataParallel(Stepping):
    """Each rank runs the whole model, weights sharded (FSDP2) or not. One process is the case of one rank."""

    def ask(
        self, batches: Iterable[Batch], want: frozenset[str], readout: Readout = PLAIN, model: str = POLICY
    ) -> Iterator[dict[str, torch.Tensor]]:
        asked: Model = Frozen(self.module, self.models.policy) if model == POLICY else self.models[model]
        for batch in batches:
            with self._precision():
                found = asked.run(batch.to(self.world.device), want, readout)
            yield found

    def weights(self, names: Collection[str] | None = None) -> Iterator[tuple[str, torch.Tensor]]:
        return whole_tensors(self.module, names)

    def _accumulate(
        self, index: int, batches: Sequence[Batch], weights: Weights, before_last: Callable[[], None] = lambda: None
    ) -> Ledger:
        ledger = Ledger(self.world.device)
        for feature in features_of(self.module):
            feature.begin_step(index)
        with self.phases("forward_s"):
            statistics = self._statistics(index, batches)
        for number, batch in enumerate(batches):
            if number == len(batches) - 1:
                before_last()
            if self.sums_once:
                sum_gradients_now(self.module, number == len(batches) - 1)
            with forked(self.seed, "step", index, number, self.world.index("loss")):
                with self.phases("forward_s"), self._precision(), batch_norm.told():
                    terms = self.objective(self.models, batch.to(self.world.device), statistics[number])
                with self.phases("backward_s"):
                    self._scaled(self._loss(terms, weights)).backward()
            ledger.add(terms)
        return ledger

    def _measured(self, batches: Sequence[Batch]) -> Ledger:
        ledger = Ledger(self.world.device)
        for batch, statistics in zip(batches, self._statistics(0, batches), strict=True):
            with self._precision():
                ledger.add(self.objective(self.models, batch.to(self.world.device), statistics))
        return ledger

    def _prepared(self, objective: Coupled, index: int, batches: Sequence[Batch]) -> Mapping[str, Any]:
        return objective.prepare(self.models, self._in_turn(index, batches))

    def _curve(self, index: int, batches: Sequence[Batch], weights: Weights) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        for number, batch in enumerate(batches):
            here = batch.to(self.world.device)
            with forked(self.seed, "curvature", index, number, self.world.index("loss")), self._precision():
                drawn = Readout(draws=draws(here, self.seed, index))
                with torch.no_grad():
                    ids = self.models.run(here, frozenset({"samples"}), drawn)["samples"]
                terms = self.objective(self.models, relabelled(here, ids), {})
            self._loss(terms, weights).backward()
        self.optimizer.curve(sum(weights.values()))

    def _in_turn(self, index: int, batches: Sequence[Batch]) -> Iterator[Batch]:
        """Each batch on the device, with the noise of its turn in the step: while it is looked at, and no longer."""
        for number, batch in enumerate(batches):
            with forked(self.seed, "step", index, number, self.world.index("loss")):
                yield batch.to(self.world.device)
