"""Cross-entropy of tokens: the loss that pre-training, supervised fine-tuning and the filling in of masks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import LossParts, Terms, Traits
from whet.contracts.reading import Infill

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class NextToken:
    """Sum over trained tokens of weight x -log p, divided by the step's total weight."""

    infill: Infill | None = None
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    @property
    def traits(self) -> Traits:
        return Traits(is_nll=True, infill=self.infill)

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": float(batch.trained.weights.double().sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        found = models.run(batch, frozenset({"nll"}))
        return Terms({"loss": found["nll"]}, parts=token_losses(found))


def token_losses(found: Mapping[str, Tensor]) -> LossParts | None:
    """-log p of each token, where the model has told it beside the sum."""
    return LossParts("token", found["token_nll"]) if "token_nll" in found else None
