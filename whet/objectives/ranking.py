"""Ranking: scores of documents behind one query, each by itself, in pairs, or as a list."""

# N documents  G queries  D documents of one query, padded

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from whet.base.errors import DataError
from whet.contracts.batch import Batch
from whet.contracts.model import Models
from whet.contracts.objective import LossParts, Terms, Traits

_SCORES = frozenset({"scores"})
Loss = Literal["pointwise", "pairwise", "listwise"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Averaged over documents (`pointwise`), ordered pairs of a query (`pairwise`), or queries (`listwise`).

    `pointwise`: binary cross-entropy with relevance / highest. `pairwise`: -log sigmoid of the difference to each less
    relevant document (RankNet, Burges et al. 2005, equation 3 with certain labels). `listwise`: cross-entropy between
    softmax of scores and relevance as shares of its sum (ListNet's top one, Cao et al. 2007, with relevance itself in
    place of its exponential, so that what is not relevant has no share).
    """

    loss: Loss
    traits: Traits
    highest: float = 1.0
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        lists = _Lists.of(batch)
        if self.loss == "pointwise":
            self._check(float(batch.fields["relevance"].max()))
            return {"loss": float(batch.fields["weight"].double().sum())}
        if self.loss == "pairwise":
            return {"loss": float(lists.is_more_GDD.sum())}
        return {"loss": float(lists.is_ranked_G.sum())}

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        scores_N, lists = models.run(batch, _SCORES)["scores"][:, 0].double(), _Lists.of(batch)
        scores_GD = lists.laid(scores_N, -torch.inf)
        if self.loss == "pointwise":
            target_N = batch.fields["relevance"].double() / self.highest
            loss_N = F.binary_cross_entropy_with_logits(scores_N, target_N, reduction="none")
            total, told = (loss_N * batch.fields["weight"].double()).sum(), LossParts("sequence", loss_N.detach())
        elif self.loss == "pairwise":
            known_GD = lists.laid(scores_N, 0.0)
            difference_GDD = known_GD[:, :, None] - known_GD[:, None, :]
            loss_GDD = -F.logsigmoid(difference_GDD) * lists.is_more_GDD
            total, told = loss_GDD.sum(), LossParts("group", loss_GDD.detach().sum((-1, -2)))
        else:
            share_GD = lists.relevance_GD / lists.relevance_GD.sum(-1, keepdim=True).clamp(min=1e-9)
            logs_GD = torch.log_softmax(scores_GD, -1).masked_fill(~lists.is_there_GD, 0.0)
            loss_G = -(share_GD * logs_GD).sum(-1) * lists.is_ranked_G
            total, told = loss_G.sum(), LossParts("group", loss_G.detach())
        return Terms({"loss": total}, self._metrics(scores_GD.detach(), lists), told)

    def _check(self, largest: float) -> None:
        if largest > self.highest:
            raise DataError(
                f"a relevance is {largest:g}, and `objective.highest`, which counts as certain, is {self.highest:g}",
                at="objective.highest",
                hint=f"objective.highest={largest:g}",
            )

    def _metrics(self, scores_GD: Tensor, lists: _Lists) -> dict[str, tuple[Tensor, Tensor]]:
        """Of queries with documents to tell apart, how often a most relevant one comes first."""
        best_GD = lists.relevance_GD == lists.relevance_GD.amax(-1, keepdim=True)
        is_first_G = best_GD.gather(1, scores_GD.argmax(-1, keepdim=True))[:, 0] & lists.is_ranked_G
        return {"accuracy": (is_first_G.sum(), lists.is_ranked_G.sum())}


@dataclass(frozen=True, slots=True)
class _Lists:
    """The documents of each query, a row each: `row_N` and `place_N` say where a document lies.

    `is_ranked_G`: there is something to tell apart. `is_more_GDD`: the first is more relevant than the second.
    """

    row_N: Tensor
    place_N: Tensor
    is_there_GD: Tensor
    relevance_GD: Tensor
    is_ranked_G: Tensor

    @classmethod
    def of(cls, batch: Batch) -> _Lists:
        weight_N, row_N = batch.fields["weight"], batch.fields["group"]
        counts_G = torch.bincount(row_N)
        place_N = torch.arange(len(row_N), device=row_N.device) - (counts_G.cumsum(0) - counts_G)[row_N]
        shape = len(counts_G), int(counts_G.max())
        is_there_GD = torch.zeros(shape, dtype=torch.bool, device=row_N.device)
        is_there_GD[row_N, place_N] = weight_N > 0
        relevance_GD = torch.zeros(shape, dtype=torch.float64, device=row_N.device)
        relevance_GD[row_N, place_N] = batch.fields["relevance"].double() * (weight_N > 0)
        lowest_G = relevance_GD.masked_fill(~is_there_GD, torch.inf).amin(-1)
        return cls(row_N, place_N, is_there_GD, relevance_GD, relevance_GD.amax(-1) > lowest_G)

    @property
    def is_more_GDD(self) -> Tensor:
        there_GDD = self.is_there_GD[:, :, None] & self.is_there_GD[:, None, :]
        return (self.relevance_GD[:, :, None] > self.relevance_GD[:, None, :]) & there_GDD

    def laid(self, values_N: Tensor, padding: float) -> Tensor:
        whole_GD = values_N.new_full(self.is_there_GD.shape, padding)
        return whole_GD.index_put((self.row_N, self.place_N), values_N)
