"""Multi-token prediction: the next-token loss, and that of the tokens after it from modules that look further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import Terms, Traits
from whet.contracts.reading import Infill
from whet.kernels.mtp import look_ahead
from whet.objectives.next_token import token_losses

_WANTED = frozenset({"nll", "ahead"})


@dataclass(frozen=True, slots=True)
class NextTokens:
    """The term `nll`, and for each of `depth` further tokens a term `mtp_k`, each divided by its own global weight.

    The further terms together weigh `weight` (DeepSeek-V3, equation 25).
    """

    depth: int
    weight: float
    infill: Infill | None = None

    @property
    def traits(self) -> Traits:
        return Traits(ahead=self.depth, infill=self.infill)

    @property
    def coefficients(self) -> Mapping[str, float]:
        return {"nll": 1.0, **dict.fromkeys(self._names(), self.weight / self.depth)}

    def weights(self, batch: Batch) -> dict[str, float]:
        found = {"nll": float(batch.text.weights.double().sum())}
        for number, name in enumerate(self._names(), 1):
            found[name] = float(look_ahead(batch.text, number).weights_T.double().sum())
        return found

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        found = models.run(batch, _WANTED)
        further = dict(zip(self._names(), found["ahead"].unbind(), strict=True))
        return Terms({"nll": found["nll"], **further}, parts=token_losses(found))

    def _names(self) -> list[str]:
        return [f"mtp_{number}" for number in range(1, self.depth + 1)]
