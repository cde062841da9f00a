"""Online preferences: the best and the worst of the model's own answers, as a pair."""

# G prompts  N answers to each

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor

from whet.base.rounding import alike
from whet.contracts.batch import Batch
from whet.contracts.model import Model, Models
from whet.contracts.objective import Terms, Traits
from whet.contracts.rollouts import Credit, Outcome
from whet.objectives.preference import Preference


@dataclass(frozen=True, slots=True)
class OnlinePreference:
    """A loss of pairs over answers that the model gives itself (Guo et al. 2024).

    A prompt whose answers all got the same makes no pair; that is counted, and it is left out.
    """

    pairs: Preference

    @property
    def coefficients(self) -> Mapping[str, float]:
        return self.pairs.coefficients

    @property
    def traits(self) -> Traits:
        return replace(self.pairs.traits, completions=2)

    def sampled(self, temperature: float, max_new_tokens: int) -> OnlinePreference:
        return self

    def credit(self, outcome: Outcome) -> Credit:
        kept: list[tuple[int, ...]] = []
        for rewards_N in outcome.rewards_GN:
            is_level = alike(rewards_N)
            kept.append(() if is_level else (int(np.nanargmax(rewards_N)), int(np.nanargmin(rewards_N))))
        fields = {"weight": np.ones(outcome.rewards_GN.shape, np.float32)}
        return Credit(fields, np.array([bool(pair) for pair in kept]), kept=kept)

    def weights(self, batch: Batch) -> dict[str, float]:
        return self.pairs.weights(batch)

    def refer(self, reference: Model, batch: Batch) -> dict[str, Tensor]:
        return self.pairs.refer(reference, batch)

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        return self.pairs(models, batch, statistics)
