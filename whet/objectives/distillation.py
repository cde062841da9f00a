"""Distillation: a student learns what its teacher finds likely, from the teacher or from what was stored of it."""

# P trained positions  K likeliest tokens of the teacher

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from whet.contracts.batch import Batch
from whet.contracts.model import Divergence, Models, Readout
from whet.contracts.objective import LossParts, Own, Taught, Terms, Traits
from whet.kernels.linear_divergence import divergence

Tail = Literal["bucket", "renormalised"]
# The names under which samples bring what was stored of their teacher.
TEACHER_IDS, TEACHER_LOGPROBS = "teacher_ids", "teacher_logprobs"
_EXACT, _STORED = frozenset({"divergence"}), frozenset({"target_logprobs", "candidates"})


@dataclass(frozen=True, slots=True)
class Distillation:
    """Sum over trained tokens of weight x (divergence from the teacher + sft x -log p), divided by the step's weight.

    The divergence is over the whole vocabulary with `models["teacher"]`, and over the stored likeliest tokens and the
    rest as one (`tail`) where samples bring those. Metrics: the divergence by itself, the next-token loss `nll` at
    temperature 1, and (with a teacher) how often both find the same token likeliest (`agreement`).
    """

    measure: Divergence
    tail: Tail = "bucket"
    own: Own | None = None
    taught: Taught | None = None
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    @property
    def traits(self) -> Traits:
        return Traits(own=self.own, taught=self.taught)

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": float(batch.text.weights.double().sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        weights_P = batch.text.weights[batch.text.trained_at].double()
        if TEACHER_IDS in batch.text.values:
            total, divergence_P, logprobs_P = self._of_stored(models, batch, weights_P)
            shown = {"divergence": divergence_P, "nll": -logprobs_P}
        else:
            teacher: Any = models["teacher"]
            found = models.run(batch, _EXACT, Readout(teacher=teacher.prediction(batch), measure=self.measure))
            total, shown = found["divergence"], {"divergence": found["divergences"], "nll": -found["target_logprobs"]}
            shown["agreement"] = found["agrees"]
        count = weights_P.sum()
        loss_P = shown["divergence"].detach() + self.measure.sft * shown["nll"].detach()
        means = {k: ((v.detach().double() * weights_P).sum(), count) for k, v in shown.items()}
        return Terms({"loss": total}, means, LossParts("token", loss_P))

    def _of_stored(self, models: Models, batch: Batch, weights_P: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logp_PK = batch.text.values[TEACHER_LOGPROBS][batch.text.trained_at]
        readout = Readout(self.measure.temperature, candidates=batch.text.values[TEACHER_IDS][batch.text.trained_at])
        found = models.run(batch, _STORED, readout)
        logprobs_P = found["target_logprobs"].double()
        divergence_P = top_divergence(found["candidates"].double(), logp_PK.double(), self.measure, self.tail)
        total = ((divergence_P - self.measure.sft * logprobs_P) * weights_P).sum()
        return total, divergence_P, logprobs_P


def top_divergence(logq_PK: Tensor, logp_PK: Tensor, measure: Divergence, tail: Tail) -> Tensor:
    """The divergence (P,) from the log-probabilities of the teacher's K likeliest tokens, both at the temperature.

    `bucket`: all other tokens are one outcome. By the data-processing inequality the result is never above the exact
    divergence, and the student's mass outside of the K is held to the teacher's, however it is spread. `renormalised`:
    the teacher's K probabilities are scaled to 1, so what it gave to others counts as impossible; a student that
    reaches the optimum is -log(mass of the K) nats from its teacher in forward KL.
    """
    if tail == "renormalised":
        logp_rest_P1 = logp_PK.new_full((len(logp_PK), 1), -math.inf)
        logp_PK = torch.log_softmax(logp_PK, -1)
    else:
        logp_rest_P1 = log_rest(logp_PK)[:, None]
    logp = torch.cat([logp_PK, logp_rest_P1], -1)
    return divergence(torch.cat([logq_PK, log_rest(logq_PK)[:, None]], -1), logp, measure)


def log_rest(logp_PK: Tensor) -> Tensor:
    """log(1 - sum p) (P,), no less than that of the smallest double beside 1, where rounding leaves nothing."""
    total_P = torch.logsumexp(logp_PK, -1).clamp(max=-torch.finfo(logp_PK.dtype).eps)
    return torch.log(-torch.expm1(total_P))
