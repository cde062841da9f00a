"""KTO: replies marked good or bad, each against a reference and against how far the policy has moved at all."""

# N sequences  M baselines

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from whet.contracts.batch import Batch
from whet.contracts.example import sample_of
from whet.contracts.model import Model, Models
from whet.contracts.objective import LossParts, Reference, Terms, Traits
from whet.objectives.sequences import reply_logprobs

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Labelled:
    """1 - sigmoid of beta x (log-ratio - baseline), signed by the label, averaged over replies.

    The baseline is the mean log-ratio of mismatched replies over the whole step, at least 0, without gradient
    (Ethayarajh et al. 2024, equation 8; they take it a micro-batch, which would make the loss depend on the split).
    """

    beta: float
    desirable: float
    undesirable: float
    reference: Reference = "auto"
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    @property
    def traits(self) -> Traits:
        fields = dict.fromkeys(("label", "baseline_reference", "reference"), 0.0)
        return Traits(example=partial(sample_of, fields=fields, streams=(BASELINE,)), reference=self.reference)

    def weights(self, batch: Batch) -> dict[str, float]:
        return {"loss": float(batch.fields["weight"].double().sum())}

    def refer(self, reference: Model, batch: Batch) -> dict[str, Tensor]:
        """Fields (N,) that a reference adds: the log-probability of each reply and of its baseline."""
        baseline_N = reply_logprobs(reference, _baseline(batch))
        return {"reference": reply_logprobs(reference, batch), "baseline_reference": baseline_N}

    def prepare(self, models: Models, batches: Iterable[Batch]) -> dict[str, Tensor]:
        """Local sums for the baseline: of log-ratios of mismatched replies, and how many there are."""
        total = torch.zeros(2, dtype=torch.float64)
        for batch in batches:
            other = _baseline(batch)
            policy_N = reply_logprobs(models.policy, other)
            if "baseline_reference" in batch.fields:
                reference_N = batch.fields["baseline_reference"].double()
            else:
                reference_N = reply_logprobs(models["reference"], other)
            weight_N = batch.fields["weight"].double()
            moved = torch.stack([((policy_N - reference_N) * weight_N).sum(), weight_N.sum()])
            total = total.to(moved) + moved
        return {"moved": total[0], "count": total[1]}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        if "reference" in batch.fields:
            reference_N = batch.fields["reference"].double()
        else:
            reference_N = reply_logprobs(models["reference"], batch)
        ratio_N = reply_logprobs(models.policy, batch) - reference_N
        baseline = (statistics["moved"] / statistics["count"].clamp(min=1e-9)).clamp(min=0.0)
        is_good_N = batch.fields["label"] > 0
        sign_N = torch.where(is_good_N, 1.0, -1.0).double()
        loss_N = torch.sigmoid(-self.beta * sign_N * (ratio_N - baseline))
        loss_N = loss_N * torch.where(is_good_N, self.desirable, self.undesirable).double()
        weight_N = batch.fields["weight"].double()
        return Terms(
            {"loss": (loss_N * weight_N).sum()},
            self._metrics(ratio_N.detach(), is_good_N, weight_N, baseline),
            LossParts("sequence", loss_N.detach()),
        )

    def _metrics(
        self, ratio_N: Tensor, is_good_N: Tensor, weight_N: Tensor, baseline: Tensor
    ) -> dict[str, tuple[Tensor | float, Tensor | float]]:
        reward_N = self.beta * ratio_N
        good_N, bad_N = weight_N * is_good_N, weight_N * ~is_good_N
        return {
            "good": ((reward_N * good_N).sum(), good_N.sum()),
            "bad": ((reward_N * bad_N).sum(), bad_N.sum()),
            "baseline": (baseline * weight_N.sum(), weight_N.sum()),
        }


def _baseline(batch: Batch) -> Batch:
    """The batch's mismatched replies, one a sequence."""
    return Batch({"text": batch.streams[BASELINE]}, batch.num_samples, {"weight": batch.fields["weight"]})
