"""Objective: named loss terms, un-normalised, over one micro-batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from whet.contracts.batch import Batch
from whet.contracts.model import Model, Models

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Terms:
    """What an objective returns for a micro-batch.

    `sums` maps each term to its un-normalised sum (scalar, differentiable). `metrics` maps a name
    to (sum, count); the loop adds both over the global step and shows the quotient.
    """

    sums: Mapping[str, torch.Tensor]
    metrics: Mapping[str, tuple[torch.Tensor | float, torch.Tensor | float]] = field(default_factory=dict)


class Objective(Protocol):
    """loss = sum over terms of `coefficients[k]` x sum_k / W_k, with W_k over the global step.

    `weights(batch)` comes from data alone. The kind declares `takes`, the row kinds it can learn
    from. A coupled objective also has `prepare(models, batches) -> local statistics`, a pass
    without gradient whose results the loop adds over ranks and hands in as `statistics`.
    """

    @property
    def coefficients(self) -> Mapping[str, float]: ...

    def weights(self, batch: Batch) -> dict[str, float]: ...

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms: ...


class Referenced(Objective, Protocol):
    """An objective that compares with a reference model. The kind declares `reference=True`.

    `refer(reference, batch)` gives fields (N, ...) float that follow from the reference and the samples alone.
    They are stored with the samples where that is cheaper; a batch without them has `models["reference"]`.
    """

    def refer(self, reference: Model, batch: Batch) -> dict[str, torch.Tensor]: ...


class Coupled(Objective, Protocol):
    """An objective whose samples depend on each other over the whole step."""

    def prepare(self, models: Models, batches: Sequence[Batch]) -> dict[str, torch.Tensor]: ...
