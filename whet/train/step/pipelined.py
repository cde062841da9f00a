"""The executor of ranks that hold different layers: micro-batches go from stage to stage, as a schedule says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ConfigError
from whet.base.seeds import forked
from whet.contracts.batch import Batch
from whet.contracts.executor import POLICY, Asked, Weights
from whet.contracts.model import PLAIN, Models, Readout
from whet.contracts.objective import Cached, Coupled, Terms
from whet.models.features.carried import features_of
from whet.parallel.pipeline.carrier import Carrier, Form
from whet.parallel.pipeline.drive import BACK, GRADIENT, Driver, States
from whet.parallel.pipeline.schedule import KINDS, Action, table
from whet.parallel.pipeline.sharded import held_whole
from whet.parallel.pipeline.staged import Around, Forwards, Staged
from whet.parallel.pipeline.stages import Seam, Stages, of_stages
from whet.parallel.pipeline.tied import add_shared
from whet.parallel.pipeline.whole import whole_of_stages
from whet.train.step.frozen import Frozen
from whet.train.step.ledger import Ledger
from whet.train.step.phases import Phases
from whet.train.step.stepping import Stepping


@dataclass(frozen=True)
class PipelineParallel(Stepping):
    """Each rank runs its stages of the model, and of every model beside it. On the rank of the last stage the objective
    is called, as it would be with a whole model; what it says is told to the others."""

    @property
    def stages(self) -> Stages:
        """What the trained module knows of being cut."""
        return of_stages(self.module)

    @property
    def is_last(self) -> bool:
        """Whether the objective is called here."""
        return self.stages.rank == self.stages.cut.place[-1]

    def ask(
        self, batches: Iterable[Batch], want: frozenset[str], readout: Readout = PLAIN, model: str = POLICY
    ) -> Iterator[dict[str, Tensor]]:
        asked = Frozen(self.module, self.models.policy) if model == POLICY else self._beside[model]
        forwards = Forwards({POLICY: Staged(asked.module, asked)}, self._plainly)
        for batch in self._arrivals(batches, forwards):
            found: dict[str, Tensor] = {}
            if self.is_last:
                with forwards.around(self.stages.cut.last, 0):
                    found = {name: value.cpu() for name, value in forwards.models.run(batch, want, readout).items()}
            yield {name: value.to(self.world.device) for name, value in self._from_last(found).items()}

    def weights(self, names: Collection[str] | None = None) -> Iterator[tuple[str, Tensor]]:
        return whole_of_stages(self.module, self.world, names)

    def _accumulate(
        self, index: int, batches: Sequence[Batch], weights: Weights, before_last: Callable[[], None] = lambda: None
    ) -> Ledger:
        for feature in features_of(self.module):
            feature.begin_step(index)
        with self.phases("forward_s"):
            statistics = self._statistics(index, batches)
        cut, ranks = self.stages.cut, self.world.count("stages")
        actions = table(cut.schedule, ranks, len(cut.place) // ranks, len(batches))[self.stages.rank]
        final = [action for action in actions if action.move in BACK][-1]
        forwards, ledger = self._forwards(index), Ledger(self.world.device)
        forwards.staged[POLICY].seam = Seam() if KINDS[cut.schedule].splits else None

        def terms(number: int, batch: Batch) -> Terms:
            return self.objective(forwards.models, batch, statistics[number])

        loss = partial(self._loss, weights=weights)
        learning = _Learning(forwards, self.phases, terms, loss, ledger, final, before_last)
        is_once = self.sums_once or KINDS[cut.schedule].splits
        with held_whole(self.module) if is_once else nullcontext():
            self._driver.run(actions, [batch.to(self.world.device) for batch in batches], learning)
        add_shared(self.stages, self.module, self.world)
        return ledger

    def _measured(self, batches: Sequence[Batch]) -> Ledger:
        ledger, forwards, statistics = Ledger(self.world.device), self._forwards(None), self._statistics(0, batches)
        for number, batch in enumerate(self._arrivals(batches, forwards)):
            if self.is_last:
                with self._precision():
                    ledger.add(self.objective(forwards.models, batch, statistics[number]))
        return ledger

    def _prepared(self, objective: Coupled, index: int, batches: Sequence[Batch]) -> Mapping[str, Any] | None:
        if not isinstance(objective, Cached):  # it may ask about other batches, so that all ranks ask one by one
            models = Models(Asked(self), {name: Asked(self, name) for name in self._beside})
            return objective.prepare(models, (batch.to(self.world.device) for batch in batches))
        forwards = self._forwards(index)
        turns = self._arrivals(batches, forwards)
        if not self.is_last:
            deque(turns, maxlen=0)
            return None

        def in_turn() -> Iterator[Batch]:
            for number, batch in enumerate(turns):
                with forwards.around(self.stages.cut.last, number):
                    yield batch

        return objective.prepare(forwards.models, in_turn())

    def _curve(self, index: int, batches: Sequence[Batch], weights: Weights) -> None:
        """Whoever builds a run refuses this before ranks start; one who built the executor by hand is told here."""
        raise ConfigError(
            "labels are drawn from logits, which only the last stage of a pipeline has", at="optimizer.kind",
            hint="optimizer.kind=adamw, or parallel.pipeline=1",
        )  # fmt: skip

    def _counted(self) -> Iterable[nn.Parameter]:
        """Each weight once: of one that both ends have, the first stage's."""
        again = {id(p) for p in self.stages.shared(self.module)} if self.is_last else set()
        return [parameter for parameter in self.module.parameters() if id(parameter) not in again]

    def _summed(self, ledger: Ledger, everywhere: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of stages the last one has a ledger, whose sums the others are told."""
        return {**self.world.summed(ledger.totals), **self.world.summed(everywhere, "all")}

    def _told(self, summed: Mapping[str, Tensor], ledger: Ledger) -> dict[str, float]:
        read = super()._told(summed, ledger) if self.is_last else {}
        if self.losses is not None:
            self.losses.put(self._from_last(self.losses.take()))
        return self._from_first_of_last(read)

    def _read(self, ledger: Ledger, everywhere: Mapping[str, Tensor]) -> dict[str, float]:
        return self._from_first_of_last(super()._read(ledger, everywhere))

    def _from_first_of_last(self, value: Any) -> Any:
        """The value that the first of the ranks with the last stage has, on all ranks."""
        stages = self.world.count("stages")
        return self.world.told(value, "all", self.stages.cut.place[-1] * (self.world.count("all") // stages))

    def _from_last(self, value: Any) -> Any:
        """The value that the last stage's rank has, on every stage."""
        return self.world.told(value, "stages", self.stages.cut.place[-1])

    @property
    def _beside(self) -> Mapping[str, Frozen]:
        """The models that are asked: every one is a frozen module, cut into as many stages as the trained one."""
        return {name: model for name, model in self.models.others.items() if isinstance(model, Frozen)}

    @property
    def _driver(self) -> Driver:
        group, cut = self.world.group("stages"), self.stages.cut
        assert group is not None
        return Driver(cut.place, self.stages.rank, Carrier(group, self.world.device))

    def _forwards(self, index: int | None) -> Forwards:
        """Those of the stages here, with the noise of a step, or without any."""
        staged = {POLICY: Staged(self.module, self.models.policy)}
        staged |= {name: Staged(model.module, model) for name, model in self._beside.items()}
        return Forwards(staged, self._plainly if index is None else self._noisily(index))

    def _arrivals(self, batches: Iterable[Batch], forwards: Forwards) -> Iterator[Batch]:
        """Each batch once this rank has run its stages; the last stage's models go on from what has arrived."""
        here = (batch.to(self.world.device) for batch in batches)
        for batch, states in self._driver.arrivals(here, forwards):
            if states is not None:
                forwards.arrive(states)
            yield batch

    @contextmanager
    def _plainly(self, stage: int, number: int) -> Iterator[None]:
        with torch.no_grad(), self._precision():
            yield

    def _noisily(self, index: int) -> Around:
        """Noise that is a function of the step, the micro-batch and the stage; the first one's is that of a model that
        is whole."""

        @contextmanager
        def around(stage: int, number: int) -> Iterator[None]:
            of_stage = ("stage", stage) if stage else ()
            with forked(self.seed, "step", index, number, self.world.index("loss"), *of_stage), self._precision():
                yield

        return around


@dataclass(frozen=True)
class _Learning:
    """The passes of a step (contract: `whet.parallel.pipeline.drive.Passes`): at the last stage the objective's, whose
    terms go into the ledger."""

    forwards: Forwards
    phases: Phases
    terms: Callable[[int, Batch], Terms]
    loss: Callable[[Terms], Tensor]
    ledger: Ledger
    final: Action
    before_last: Callable[[], None]

    @property
    def seam(self) -> Seam | None:
        return self.forwards.staged[POLICY].seam

    def forms(self, batch: Batch) -> Mapping[str, Form]:
        return self.forwards.forms(batch)

    def forward(self, stage: int, number: int, batch: Batch, states: States) -> States:
        with self.phases("forward_s"):
            if stage < self.forwards.last:
                return self.forwards.forward(stage, number, batch, states)
            self.forwards.arrive(states)
            with self.forwards.around(stage, number):
                terms = self.terms(number, batch)
                loss = self.loss(terms)
            self.ledger.add(terms)
        return {POLICY: loss} if self.seam is None else self._behind(self.seam, loss)

    def _behind(self, seam: Seam, loss: Tensor) -> States:
        """The backward pass of what follows the layers, whole: gradients that a fused loss has made are there once."""
        with self.phases("backward_s"):
            loss.backward()
        return {POLICY: seam.given, GRADIENT: torch.zeros_like(seam.leaf) if seam.leaf.grad is None else seam.leaf.grad}

    @contextmanager
    def backward(self, action: Action) -> Iterator[None]:
        if action == self.final:
            self.before_last()
        with self.phases("backward_s"):
            yield

    def weights(self, stage: int) -> Sequence[nn.Parameter]:
        return self.forwards.staged[POLICY].weights(stage)
