"""Classes of sequences and of tokens: one of several, any of several, numbers, and steps that are right or wrong."""

# N sequences  P labelled tokens  C classes

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import LossParts, Terms, Traits
from whet.contracts.reading import Problem

_SCORES, _TOKEN_SCORES = frozenset({"scores"}), frozenset({"token_scores"})


@dataclass(frozen=True, slots=True)
class SequenceClasses:
    """Cross-entropy, a binary one for each class, or the squared error, averaged over samples (and over classes)."""

    problem: Problem
    traits: Traits
    label_smoothing: float = 0.0
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": float(batch.fields["weight"].double().sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        scores_NC, label = models.run(batch, _SCORES)["scores"].double(), batch.fields["label"]
        weight_N = batch.fields["weight"].double()
        if self.problem == "single":
            loss_N = F.cross_entropy(scores_NC, label, reduction="none", label_smoothing=self.label_smoothing)
            right_N = (scores_NC.argmax(-1) == label).double()
            found = {"accuracy": right_N}
        elif self.problem == "multi":
            loss_N = F.binary_cross_entropy_with_logits(scores_NC, label.double(), reduction="none").mean(-1)
            found = {"exact": ((scores_NC > 0) == (label > 0.5)).all(-1).double()}
        else:
            error_NC = scores_NC - label.double()
            loss_N, found = error_NC.square().mean(-1), {"error": error_NC.detach().abs().mean(-1)}
        told = LossParts("sequence", loss_N.detach())
        return Terms({"loss": (loss_N * weight_N).sum()}, _means(found, weight_N), told)


@dataclass(frozen=True, slots=True)
class TokenClasses:
    """Cross-entropy at labelled tokens, averaged over them."""

    traits: Traits
    label_smoothing: float = 0.0
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": float(batch.text.weights.double().sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        scores_PC = models.run(batch, _TOKEN_SCORES)["token_scores"].double()
        label_P, weight_P = _labelled(batch)
        loss_P = F.cross_entropy(scores_PC, label_P, reduction="none", label_smoothing=self.label_smoothing)
        hits_P = (scores_PC.argmax(-1) == label_P).double()
        told = LossParts("token", loss_P.detach())
        return Terms({"loss": (loss_P * weight_P).sum()}, _means({"accuracy": hits_P}, weight_P), told)


@dataclass(frozen=True, slots=True)
class StepClasses:
    """Cross-entropy between a step's label, the chance that it is right, and the model's, averaged over steps.

    Of true and false it is the loss of Lightman et al. 2023 and of TRL's PRMTrainer (until 1.13); chances are those of
    Math-Shepherd (Wang et al. 2024, equation 4). Score 1 is that a step is right.
    """

    traits: Traits
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": float(batch.text.weights.double().sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        logprobs_PC = torch.log_softmax(models.run(batch, _TOKEN_SCORES)["token_scores"].double(), -1)
        chance_P, weight_P = _labelled(batch)
        chance_PC = torch.stack([1 - chance_P, chance_P], -1).double()
        loss_P = -(chance_PC * logprobs_PC).sum(-1)
        hits_P = (logprobs_PC.argmax(-1) == (chance_P > 0.5)).double()
        told = LossParts("token", loss_P.detach())
        return Terms({"loss": (loss_P * weight_P).sum()}, _means({"accuracy": hits_P}, weight_P), told)


def _labelled(batch: Batch) -> tuple[Tensor, Tensor]:
    """Labels and weights (P,) of the tokens that have one."""
    stream = batch.text
    return stream.values["label"][stream.trained_at], stream.weights[stream.trained_at].double()


def _means(values: Mapping[str, Tensor], weight: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    return {name: ((value * weight).sum(), weight.sum()) for name, value in values.items()}
