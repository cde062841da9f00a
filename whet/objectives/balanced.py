"""A loss with one beside it that keeps the experts of a mixture in balance (Fedus et al. 2022, equations 4 to 6)."""

# E experts

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import torch

from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import Coupled, Objective, Terms, Traits, traits_of

# The term, that of a loss that is called as the sum of both, and what is counted of each expert.
TERM, TASK, ROUTED = "balance", "task", "routed/"


Value = TypeVar("Value")


class Routed(Protocol):
    """What the routers of the trained model have given each expert (`whet.models.features.balance`)."""

    def begin_count(self) -> None: ...

    def counted(self) -> torch.Tensor: ...

    def probabilities(self) -> torch.Tensor | None: ...

    def per_token(self) -> int: ...


class Balanced:
    """`inner`, and E x sum_e f_e P_e: of expert e, f_e is the share of the step's tokens that go to it (counted in a
    pass beforehand), and P_e its mean probability; both over all layers, as transformers has them.

    The factor on it is `coefficient`. `sharing` is how many ranks have some of each sample's tokens. A loss without
    gradient is that of `inner` alone.
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
        self._routed.begin_count()
        if isinstance(self._inner, Coupled):
            found |= self._inner.prepare(models, batches)
        else:
            for batch in batches:
                models.run(batch, frozenset({"hidden"}))
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


def _named(values: Mapping[str, Value]) -> dict[str, Value]:
    return {TASK if name == "loss" else name: value for name, value in values.items()}
