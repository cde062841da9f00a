"""Classification of rows of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from whet.base.catalogue import objective
from whet.base.errors import DataError
from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import LossParts, Objective, Terms


@objective("classify", takes=("values",))
def classify() -> Objective:
    """Cross-entropy between `logits` (N, C) and the field `label` (N,), averaged over samples."""
    return Classify()


@dataclass(slots=True)
class Classify:
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})
    _labels: tuple[int, int] = (0, 0)  # lowest and highest of the rows weighed so far

    def weights(self, batch: Batch) -> dict[str, float]:
        lowest, highest = batch.fields["label"].aminmax()  # on the host: nothing waits for a device
        self._labels = min(self._labels[0], int(lowest)), max(self._labels[1], int(highest))
        return {"loss": float(batch.fields["weight"].double().sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        from torch.nn.functional import cross_entropy

        from whet.kernels.wide import widened

        logits, label, weight = (
            models.run(batch, frozenset({"logits"}))["logits"],
            batch.fields["label"].long(),
            batch.fields["weight"],
        )
        self._check(logits.shape[-1])
        hits = (logits.argmax(-1) == label) * weight
        nll = cross_entropy(widened(logits), label, reduction="none")
        accuracy = {"accuracy": (hits.sum(), weight.sum())}
        return Terms({"loss": (nll * weight).sum()}, accuracy, LossParts("sequence", nll.detach()))

    def _check(self, num_classes: int) -> None:
        lowest, highest = self._labels
        if lowest < 0 or highest >= num_classes:
            wrong = lowest if lowest < 0 else highest
            raise DataError(
                f"a row has the label {wrong}, and the model tells classes 0 to {num_classes - 1} apart",
                at="data",
                hint=f"model.classes={highest + 1}, or labels from 0 on",
            )
