"""Preference: losses of pairs of replies, as terms that add up, with or without a reference."""

# P trained positions  N sequences  G pairs

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from whet.contracts.batch import Batch
from whet.contracts.example import sample_of
from whet.contracts.model import Model, Models
from whet.contracts.objective import LossParts, Reference, Terms, Traits
from whet.objectives.pair_losses import Loss, Pairs, Shape
from whet.objectives.sequences import LOGPROBS, Replies

SFT = "sft"


@dataclass(frozen=True, slots=True)
class Preference:
    """Each loss summed over pairs and divided by their number; `sft` over the tokens of chosen replies.

    A pair is a group of two sequences, chosen first. `length_weight` is the weight of tokens past the end of the
    shorter reply (LD-DPO, Liu et al. 2024). Metrics are rewards, beta x log-ratio, and how often the chosen one's
    is higher.
    """

    losses: Mapping[str, Loss]
    coefficients: Mapping[str, float]
    shape: Shape
    reference: Reference | None = "auto"
    length_weight: float = 1.0

    @property
    def traits(self) -> Traits:
        example = partial(sample_of, branches=2, fields={"reference": (0.0, 0.0)})
        return Traits(example=example, reference=self.reference)

    def weights(self, batch: Batch) -> dict[str, float]:
        weight_G = batch.fields["weight"][0::2].double()
        found = dict.fromkeys(self.losses, float(weight_G.sum()))
        if SFT in self.coefficients:
            lengths_N = Replies.of(batch).lengths_N
            found[SFT] = float((lengths_N[0::2].to(weight_G) * weight_G).sum())
        return found

    def refer(self, reference: Model, batch: Batch) -> dict[str, Tensor]:
        """Fields (N,) that a reference adds: what its log-probabilities of each reply sum to."""
        return {"reference": self._score(reference, batch, Replies.of(batch))[0]}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        replies = Replies.of(batch)
        scores_N, plain_N = self._score(models.policy, batch, replies)
        ratios_N = scores_N
        if self.reference is not None:
            fields = batch.fields if "reference" in batch.fields else self.refer(models["reference"], batch)
            ratios_N = scores_N - fields["reference"].double()
        pairs = Pairs(*_split(scores_N), *_split(ratios_N), *_split(replies.lengths_N.clamp(min=1e-9)))
        weight_G = batch.fields["weight"][0::2].double()
        losses = {name: loss(pairs, self.shape) for name, loss in self.losses.items()}
        sums = {name: (loss_G * weight_G).sum() for name, loss_G in losses.items()}
        if SFT in self.coefficients:
            sums[SFT] = -(plain_N[0::2] * weight_G).sum()
        if SFT in self.coefficients:  # of each pair by itself, the mean over its tokens
            losses[SFT] = -plain_N[0::2] / replies.lengths_N[0::2].clamp(min=1e-9)
        loss_G = torch.stack([self.coefficients[name] * one.detach() for name, one in losses.items()]).sum(0)
        return Terms(sums, self._metrics(pairs, weight_G), LossParts("group", loss_G))

    def _score(self, model: Model, batch: Batch, replies: Replies) -> tuple[Tensor, Tensor]:
        """Summed log p of each reply (N,), with the weight of long ones' ends and without."""
        logprobs_P = model.run(batch, LOGPROBS)["logprobs"]
        plain_N = replies.sums(logprobs_P)
        if self.length_weight == 1:
            return plain_N, plain_N
        shorter_N = torch.minimum(*_split(replies.counts_N)).repeat_interleave(2)
        is_past_P = replies.places() >= shorter_N[replies.owner_P]
        return replies.sums(logprobs_P, torch.where(is_past_P, self.length_weight, 1.0)), plain_N

    def _metrics(self, pairs: Pairs, weight_G: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        chosen_G, rejected_G = (self.shape.beta * r.detach() for r in (pairs.chosen_ratio, pairs.rejected_ratio))
        wins_G = (chosen_G > rejected_G).double()
        found = {"accuracy": wins_G, "margin": chosen_G - rejected_G, "chosen": chosen_G, "rejected": rejected_G}
        return {name: ((value_G * weight_G).sum(), weight_G.sum()) for name, value_G in found.items()}


def _split(values_N: Tensor) -> tuple[Tensor, Tensor]:
    return values_N[0::2], values_N[1::2]
