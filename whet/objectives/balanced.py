"""A loss with one beside it that keeps the experts of a mixture in balance (Fedus et al. 2022, equations 4 to 6)."""

# E experts

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from whet.contracts.batch import Batch
from whet.contracts.model import PLAIN, Model, Models, Readout
from whet.contracts.objective import Coupled, Objective, Terms, Traits, traits_of

# The term, that of a loss that is called as the sum of both, and what is counted of each expert.
TERM, TASK, ROUTED = "balance", "task", "routed/"


Value = TypeVar("Value")


class Routed(Protocol):
    """What the routers of the trained model have given each expert (`whet.models.features.balance`)."""

    def counting(self) -> AbstractContextManager[None]: ...

    def counted(self) -> torch.Tensor: ...

    def probabilities(self) -> torch.Tensor | None: ...

    def per_token(self) -> int: ...


class Balanced:
    """`inner`, and E x sum_e f_e P_e: of expert e, f_e is the share of the step's tokens that go to it (counted in a
    pass beforehand), and P_e its mean probability; both over all layers, as transformers has them.

    The factor on it is `coefficient`. `sharing` is how many ranks have some of each sample's tokens. A loss without
    gradient is that of `inner` alone. What a reference gives its experts is not counted, even where it is the same
    module, nor what else a pass of `inner` beforehand is about.
    """

    def __init__(self, inner: Objective, routed: Routed, coefficient: float, sharing: int = 1) -> None:
        self._inner, self._routed, self._sharing = inner, routed, sharing
        self.coefficients: Mapping[str, float] = {**_named(inner.coefficients), TERM: coefficient}

    @property
    def traits(self) -> Traits:
        return traits_of(self._inner)

    def weights(self, batch: Batch) -> dict[str, float]:
        tokens = batch.num_tokens if len(batch.trained.trained_at) else 0
        return {**_named(self._inner.weights(batch)), TERM: tokens / self._sharing}

    def prepare(self, models: Models, batches: Iterable[Batch]) -> Mapping[str, torch.Tensor | Sequence[torch.Tensor]]:
        found: dict[str, Any] = {}
        policy = _Counted(models.policy, self._routed)
        turns = policy.over(batches)
        if isinstance(self._inner, Coupled):
            found |= self._inner.prepare(Models(policy, models.others), turns)
        deque(turns, maxlen=0)
        counts = self._routed.counted()
        return found | {f"{ROUTED}{expert}": number for expert, number in enumerate(counts.double())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        terms = self._inner(models, batch, statistics)
        sums, given = _named(terms.sums), self._routed.probabilities()
        if given is None:
            return Terms({**sums, TERM: torch.zeros(())}, terms.metrics, terms.parts)
        counts = torch.stack([statistics[f"{ROUTED}{expert}"] for expert in range(len(given))])
        shares = (counts / counts.sum() * self._routed.per_token()).to(given)
        balance = len(given) * torch.dot(shares, given) * float(len(batch.trained.trained_at) > 0)
        return Terms({**sums, TERM: balance}, terms.metrics, terms.parts)

    def measured(self) -> Objective:
        """Without a gradient there is no term: nothing has to be counted for it beforehand."""
        return _UnbalancedCoupled(self, self._inner) if isinstance(self._inner, Coupled) else _Unbalanced(self)


@dataclass(frozen=True, slots=True)
class _Unbalanced:
    """`balanced` where nothing learns: its calls have no term beside the loss."""

    balanced: Balanced

    @property
    def coefficients(self) -> Mapping[str, float]:
        return self.balanced.coefficients

    def weights(self, batch: Batch) -> dict[str, float]:
        return self.balanced.weights(batch)

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        return self.balanced(models, batch, statistics)


@dataclass(frozen=True, slots=True)
class _UnbalancedCoupled(_Unbalanced):
    """With the pass beforehand that the loss itself asks for."""

    coupled: Coupled

    def prepare(self, models: Models, batches: Iterable[Batch]) -> Mapping[str, torch.Tensor | Sequence[torch.Tensor]]:
        return self.coupled.prepare(models, batches)


class _Counted:
    """The trained model, of whose runs one over each batch of the step is counted: what a loss asks about other texts
    is not what its gradient is of."""

    def __init__(self, model: Model, routed: Routed) -> None:
        self._model, self._routed = model, routed
        self._due: Batch | None = None

    def run(self, batch: Batch, want: frozenset[str], readout: Readout = PLAIN) -> dict[str, torch.Tensor]:
        if batch is not self._due:
            return self._model.run(batch, want, readout)
        self._due = None
        with self._routed.counting():
            return self._model.run(batch, want, readout)

    def over(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Each batch; of one that nobody has asked about before the next, the run is made here."""
        for batch in batches:
            self._due = batch
            yield batch
            if self._due is not None:
                self.run(batch, frozenset({"hidden"}))


def _named(values: Mapping[str, Value]) -> dict[str, Value]:
    return {TASK if name == "loss" else name: value for name, value in values.items()}
