"""Classification of rows of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whet.base.catalogue import objective
from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import LossParts, Objective, Terms


@objective("classify", takes=("values",))
def classify() -> Objective:
    """Cross-entropy between `logits` (N, C) and the field `label` (N,), averaged over samples."""
    return Classify()


@dataclass(frozen=True, slots=True)
class Classify:
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": float(batch.fields["weight"].double().sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        from torch.nn.functional import cross_entropy

        from whet.kernels.wide import widened

        logits, label, weight = (
            models.run(batch, frozenset({"logits"}))["logits"],
            batch.fields["label"].long(),
            batch.fields["weight"],
        )
        hits = (logits.argmax(-1) == label) * weight
        nll = cross_entropy(widened(logits), label, reduction="none")
        accuracy = {"accuracy": (hits.sum(), weight.sum())}
        return Terms({"loss": (nll * weight).sum()}, accuracy, LossParts("sequence", nll.detach()))
