"""Next-token losses whose tokens weigh by how likely, or how open, the model finds them."""

# P trained positions

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import LossParts, Terms

_LOGPROBS, _ENTROPY = frozenset({"logprobs"}), frozenset({"entropy"})


@dataclass(frozen=True, slots=True)
class DynamicTokens:
    """DFT: each token's loss times its own probability, without gradient (Wu et al. 2025, equation 9).

    Divided by the step's weight, as the plain loss is. The plain loss is beside it as the metric `nll`.
    """

    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": _total(batch)}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        logprobs_P = models.run(batch, _LOGPROBS)["logprobs"]
        return _terms(logprobs_P, logprobs_P.detach().exp(), batch)


@dataclass(frozen=True, slots=True)
class EntropyTokens:
    """Each token's loss times the entropy of its prediction over the step's mean entropy, without gradient.

    Tokens where the model is open count more, settled ones less. The mean is over the whole step, in a pass of its
    own before it, so that it does not depend on how the step is split.
    """

    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": _total(batch)}

    def prepare(self, models: Models, batches: Iterable[Batch]) -> dict[str, Tensor]:
        """Local sums of entropy and of weight."""
        sums = []
        for batch in batches:
            entropy_P, weights_P = models.run(batch, _ENTROPY)["entropy"], _weights(batch)
            sums.append(torch.stack([(entropy_P.double() * weights_P).sum(), weights_P.sum()]))
        total = torch.stack(sums).sum(0)
        return {"entropy": total[0], "weight": total[1]}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        found = models.run(batch, _LOGPROBS | _ENTROPY)
        mean = (statistics["entropy"] / statistics["weight"].clamp(min=1e-9)).clamp(min=1e-9)
        return _terms(found["logprobs"], found["entropy"].detach() / mean, batch)


def _terms(logprobs_P: Tensor, factor_P: Tensor, batch: Batch) -> Terms:
    weights_P = _weights(batch)
    nll = -(logprobs_P.detach().double() * weights_P).sum()
    loss_P = -(logprobs_P.double() * factor_P)
    told = LossParts("token", loss_P.detach())
    return Terms({"loss": -(logprobs_P.double() * factor_P * weights_P).sum()}, {"nll": (nll, weights_P.sum())}, told)


def _weights(batch: Batch) -> Tensor:
    return batch.trained.weights[batch.trained.trained_at].double()


def _total(batch: Batch) -> float:
    return float(batch.trained.weights.double().sum())
