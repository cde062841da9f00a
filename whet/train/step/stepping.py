"""Stepping: one optimizer step with exact global normalisation, however the passes of the model go."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch

from whet.base.errors import OutOfMemory, is_out_of_memory
from whet.base.mesh import AXES
from whet.contracts.batch import Batch
from whet.contracts.executor import BROKEN, OVERFLOW, POLICY, Weights
from whet.contracts.model import PLAIN, Models, Readout
from whet.contracts.objective import Cached, Coupled, Measured, Objective, Shared, Terms
from whet.contracts.optimizer import Optimizer
from whet.contracts.tuner import Tuner
from whet.parallel.norm import clip, not_finite, num_not_finite, squares
from whet.parallel.world import World
from whet.train.record.layers import LayerStatistics
from whet.train.step.blame import Blame
from whet.train.step.inquiry import Seen, first_seen
from whet.train.step.ledger import Ledger
from whet.train.step.loss_scale import LossScale
from whet.train.step.losses import StepLosses
from whet.train.step.phases import COMMUNICATION, Phases

SQUARES = "squares"  # of the gradients, among what a step reads


@dataclass(frozen=True)
class Stepping(ABC):
    """What every executor does alike (contract: `whet.contracts.executor.Executor`); each has its own passes.

    The gradient is that of sum_k c_k S_k / W_k: each micro-batch's sum is divided by the *global* weight
    before backward, and gradients are added over micro-batches and ranks: over ranks with each micro-batch, or
    `sums_once` a step (ZeRO-1). In float16 the loss is computed at a `scale`. `losses` keeps what of a step's loss
    comes from where, if somebody wants to know.
    """

    world: World
    models: Models
    objective: Objective
    optimizer: Optimizer
    module: torch.nn.Module
    seed: int
    clip: float
    autocast: torch.dtype | None
    tuner: Tuner | None = None
    phases: Phases = field(default_factory=Phases)
    losses: StepLosses | None = None
    layers: LayerStatistics | None = None
    sums_once: bool = False
    blame: Blame = field(default_factory=Blame)
    scale: LossScale | None = None

    def weigh(self, batches: Sequence[Batch], flags: Weights) -> tuple[dict[str, float], dict[str, float]]:
        local: dict[str, float] = dict.fromkeys(self.objective.coefficients, 0.0)
        for batch in batches:
            for name, weight in self.objective.weights(batch).items():
                local[name] += weight
        with self.phases(COMMUNICATION):
            return self.world.sums(local), self.world.sums(flags, "all")

    def step(self, index: int, batches: Sequence[Batch], weights: Weights, factor: float) -> dict[str, float]:
        self.module.train()
        if self.tuner:
            self.tuner.before_step(self.module, index)
            self._forget()
        self.optimizer.begin_step()
        rates = self._set_rates(factor)
        if self.layers is not None:
            self.layers.begin(index)
        ledger = self._accumulate(index, batches, weights, self.optimizer.before_last_backward)
        self._penalise(ledger)
        self._unscale()
        with self.phases("update_s"):
            taken = self.optimizer.after_backward()
            if self.layers is not None:
                self.layers.after_backward()
            left = squares(self._counted(), self.world)
            here = {SQUARES: left if taken is None else left + taken}
            here[BROKEN] = num_not_finite(self.module.parameters(), self.world)
        with self.phases(COMMUNICATION):
            summed = self._summed(ledger, here)
        with self.phases("update_s"):
            totals = self._told(summed, ledger)
            norm, broken = totals[SQUARES] ** 0.5, totals[BROKEN] and self._num_broken()
            if math.isfinite(norm) and not broken:
                self.optimizer.clip(clip(self.module.parameters(), self.clip, norm))
                self._update(index, batches, weights)
            else:
                # Of stages the last one knows the losses.
                again = partial(self._again, index, batches, weights) if self.world.count("all") > 1 else None
                self.blame.look(batches[: len(ledger.each)], ledger.each, ledger.parts, self.module, again)
                self.optimizer.abort()
            self.optimizer.zero_grad(set_to_none=True)
        found = {BROKEN: broken} if broken else {}
        if self.scale is not None and (too_large := self.scale.follow(norm)):
            found[OVERFLOW] = too_large
        return {**self._figures(totals, weights), **found, "grad_norm": norm, "lr": rates}

    def _again(self, index: int, batches: Sequence[Batch], weights: Weights) -> Seen | None:
        """What is seen first where a step's gradient is made once more: it is taken away, as that step's was."""
        seen = first_seen(self.module, lambda: self._accumulate(index, batches, weights))
        self.optimizer.zero_grad(set_to_none=True)
        return seen

    def _num_broken(self) -> float:
        """How many of the weights that a quick look suspects are broken, over ranks."""
        return self.world.sums({BROKEN: len(self.broken())}, "all")[BROKEN]

    def broken(self) -> list[str]:
        return not_finite(self.module.named_parameters())

    def gradients(self, batches: Sequence[Batch]) -> float:
        self.module.train()
        weights, _ = self.weigh(batches, {})
        trial = replace(self, scale=copy(self.scale))  # the run's own follows its steps alone
        while True:
            trial._accumulate(0, batches, weights)
            trial._unscale()
            norm = self.world.summed({SQUARES: squares(self._counted(), self.world)}, "all")[SQUARES].item() ** 0.5
            if trial.scale is None or not trial.scale.follow(norm):
                return norm
            for parameter in self.module.parameters():
                parameter.grad = None

    def abort(self) -> None:
        self.optimizer.abort()
        self.optimizer.zero_grad(set_to_none=True)
        if self.world.device.type == "cuda":
            torch.cuda.empty_cache()

    def evaluation_weights(self) -> AbstractContextManager[None]:
        return self.optimizer.evaluation_weights()

    @torch.no_grad()
    def measure(self, batches: Sequence[Batch], weights: Weights) -> dict[str, float]:
        was_training = self.module.training
        self.module.eval()
        with self.evaluation_weights():
            objective = self.objective.measured() if isinstance(self.objective, Measured) else self.objective
            ledger = replace(self, objective=objective)._measured(batches)
        self.module.train(was_training)
        return self._figures(self._read(ledger, {}), weights)

    @abstractmethod
    def ask(
        self, batches: Iterable[Batch], want: frozenset[str], readout: Readout = PLAIN, model: str = POLICY
    ) -> Iterator[dict[str, torch.Tensor]]: ...

    @abstractmethod
    def weights(self, names: Collection[str] | None = None) -> Iterator[tuple[str, torch.Tensor]]: ...

    @abstractmethod
    def _accumulate(
        self, index: int, batches: Sequence[Batch], weights: Weights, before_last: Callable[[], None] = lambda: None
    ) -> Ledger:
        """The gradient of the whole step, and what its micro-batches give on this rank. `before_last` is called before
        the last backward pass."""

    @abstractmethod
    def _measured(self, batches: Sequence[Batch]) -> Ledger:
        """What forward passes alone give on this rank."""

    @abstractmethod
    def _prepared(self, objective: Coupled, index: int, batches: Sequence[Batch]) -> Mapping[str, Any] | None:
        """What the objective must know of the whole step, from this rank's batches; None where another rank asks it."""

    @abstractmethod
    def _curve(self, index: int, batches: Sequence[Batch], weights: Weights) -> None:
        """A second gradient of the step, of labels drawn from the model, for the optimizer's curvature."""

    def _counted(self) -> Iterable[torch.nn.Parameter]:
        """Those whose gradients count for the norm."""
        return self.module.parameters()

    def _summed(self, ledger: Ledger, everywhere: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The ledger's sums over ranks, and those of what each rank of any axis has a part of: nobody has read them.

        Of ranks that compute the same loss the first counts. So all have the same numbers, to the bit, where processors
        of two kinds round otherwise: an alarm or an early stop that follows from them does so on every rank.
        """
        is_counted = self.world.is_first(AXES["loss"])
        own = {name: value if is_counted else torch.zeros_like(value) for name, value in ledger.totals.items()}
        return self.world.summed({**own, **everywhere}, "all")

    def _told(self, summed: Mapping[str, torch.Tensor], ledger: Ledger) -> dict[str, float]:
        """The sums of a step as numbers, and where its loss comes from: in one read."""
        numbers = _stacked(summed)
        read = numbers.tolist() if self.losses is None else self.losses.read(numbers, ledger.parts)
        return dict(zip(summed, read, strict=True))

    def _read(self, ledger: Ledger, everywhere: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """All sums as numbers, in one read."""
        summed = self._summed(ledger, everywhere)
        return dict(zip(summed, _stacked(summed).tolist(), strict=True)) if summed else {}

    def _update(self, index: int, batches: Sequence[Batch], weights: Weights) -> None:
        """Move the weights. Raises OutOfMemory where some have moved: the step cannot start again."""
        try:
            self.optimizer.step()
            if self.optimizer.wants_curvature:
                self._curve(index, batches, weights)
            if self.tuner:
                self.tuner.after_step(self.module, index)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemory(
                "out of memory while the weights were updated, of which some have moved; the last checkpoint is "
                "untouched",
                hint="an optimizer with less state (optimizer.state=8bit, or optimizer=lion), or tuner=lora",
            ) from error

    def _forget(self) -> None:
        """A parameter that a tuner no longer trains keeps no optimizer state: it would only take memory."""
        for parameter in [p for p in self.optimizer.state if not p.requires_grad]:
            del self.optimizer.state[parameter]

    def _penalise(self, ledger: Ledger) -> None:
        """Add the gradient of the tuner's own term, once a step: it depends on parameters alone, so all ranks agree."""
        penalty = self.tuner.penalty(self.module) if self.tuner else None
        if penalty is not None:
            self._scaled(penalty).backward()
            ledger.mean("penalty", penalty, 1)

    def _scaled(self, loss: torch.Tensor) -> torch.Tensor:
        return loss if self.scale is None else self.scale.of(loss)

    def _unscale(self) -> None:
        if self.scale is not None:
            self.scale.undo(self.module.parameters())

    def _loss(self, terms: Terms, weights: Weights) -> torch.Tensor:
        parts = [c * terms.sums[k] / weights[k] for k, c in self.objective.coefficients.items() if weights[k] > 0]
        return torch.stack(parts or [s * 0.0 for s in terms.sums.values()]).sum()

    def _statistics(self, index: int, batches: Sequence[Batch]) -> Sequence[Mapping[str, Any]]:
        """What a coupled objective must know of the whole step before its first micro-batch, for each micro-batch."""
        settle = self.objective.settle if isinstance(self.objective, Cached) else None
        is_whole = settle is not None and len(batches) == self.world.count("loss") == 1
        if not isinstance(self.objective, Coupled) or is_whole:
            return [{}] * len(batches)
        was_training = self.module.training
        self.module.train(was_training and settle is not None)
        with torch.no_grad(), self._precision():
            local = self._prepared(self.objective, index, batches)
        self.module.train(was_training)
        if local is None:
            return [{}] * len(batches)
        numbers = {name: value for name, value in local.items() if isinstance(value, torch.Tensor)}
        lists = {name: parts for name, parts in sorted(local.items()) if not isinstance(parts, torch.Tensor)}
        tables = {name: self.world.tables(parts) for name, parts in lists.items()}
        return _shared(self.world.summed(numbers), tables, settle, self.world.index("data"), len(batches))

    def _set_rates(self, factor: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor * group.get("rate", 1.0)
        return self.optimizer.param_groups[0]["lr"]

    def _figures(self, totals: Weights, weights: Weights) -> dict[str, float]:
        terms = {k: totals[f"sum/{k}"] / weights[k] if weights[k] > 0 else 0.0 for k in weights}
        loss = sum(c * terms[k] for k, c in self.objective.coefficients.items())
        named = terms if len(terms) > 1 else {}
        metrics = {
            n.removeprefix("top/"): totals[n] / totals["low/" + n.removeprefix("top/")]
            for n in totals
            if n.startswith("top/") and totals["low/" + n.removeprefix("top/")] > 0
        }
        return {"loss": loss, **named, **metrics}

    def _precision(self) -> AbstractContextManager[Any]:
        """The context that every forward pass of the run goes through."""
        return torch.autocast(self.world.device.type, self.autocast) if self.autocast else nullcontext()


def _shared(
    numbers: Mapping[str, torch.Tensor],
    tables: Mapping[str, Sequence[Sequence[torch.Tensor]]],
    settle: Any,
    rank: int,
    num_batches: int,
) -> list[dict[str, Any]]:
    """The statistics of each of this rank's micro-batches, from each rank's tables of each of its micro-batches.

    Rows lie in the order in which the step was cut, micro-batch by micro-batch and rank by rank, so it is the same for
    any number of ranks.
    """
    if not tables:
        return [dict(numbers)] * num_batches
    turns = [[own[number] for number in range(num_batches) for own in ranks] for ranks in tables.values()]
    lengths = [len(part) for part in turns[0]]
    whole = {name: torch.cat(parts) for name, parts in zip(tables, turns, strict=True)}
    if settle is not None:
        whole = settle(whole)
    size = len(lengths) // num_batches
    found = []
    for number in range(num_batches):
        turn = number * size + rank
        own = slice(sum(lengths[:turn]), sum(lengths[: turn + 1]))
        found.append({**numbers, **{name: Shared(table, own) for name, table in whole.items()}})
    return found


def _stacked(numbers: Mapping[str, torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(numbers.values()))
