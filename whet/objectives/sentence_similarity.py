"""How alike two sentences are: CoSENT ranks the pairs of a step, the squared error takes each by itself."""

# M texts of the whole step  P pairs  D model

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from whet.base.errors import DataError
from whet.contracts.batch import Batch
from whet.contracts.model import Embedder, Models
from whet.contracts.objective import LossParts, Terms, Traits
from whet.objectives.gradcache import EMBEDDINGS, Losses, Tables, with_gradient
from whet.objectives.pooling import compared, embeddings


@dataclass(frozen=True, slots=True)
class Cosent:
    """log(1 + sum of exp((cos_i - cos_j) / temperature) over pairs i that should be less alike than pairs j).

    Su 2022 (CoSENT). One number of the whole step; each pair has it, so that the sum divided by the pairs is it.
    """

    temperature: float

    @property
    def fields(self) -> tuple[str, ...]:
        return ("score",)

    def counted(self, fields: Tables) -> Tensor:
        return _firsts(fields["weight"])

    def __call__(self, tables: Tables, dim: int | None) -> Losses:
        shown_MD, back = with_gradient(lambda e: compared(e, dim, True), tables[EMBEDDINGS])
        is_learning = torch.is_grad_enabled()
        with torch.enable_grad():
            is_real_P = tables["weight"][0::2] > 0
            cosine_P = (shown_MD[0::2] * shown_MD[1::2]).sum(-1)
            score_P = tables["score"][0::2]
            is_less_PP = (score_P[:, None] < score_P) & is_real_P[:, None] & is_real_P
            difference_PP = (cosine_P[:, None] - cosine_P) / self.temperature
            wrong = difference_PP[is_less_PP]
            loss = torch.logsumexp(torch.cat([wrong, wrong.new_zeros(1)]), 0)
            total = loss * is_real_P.sum()
            gradient = torch.autograd.grad(total, shown_MD)[0] if is_learning else None
        losses_M = loss.detach() * _firsts(tables["weight"]).to(loss.dtype)
        gradient_MD = torch.zeros_like(tables[EMBEDDINGS]) if gradient is None else back(gradient)
        cosine_M = torch.zeros_like(losses_M)
        cosine_M[0::2] = cosine_P.detach() * is_real_P
        return Losses(losses_M, gradient_MD, {"cosine": cosine_M})


@dataclass(frozen=True, slots=True)
class Squared:
    """(cosine - score / highest) squared, averaged over pairs."""

    embedder: Embedder
    traits: Traits
    dims: Mapping[str, int | None]
    highest: float = 1.0
    coefficients: Mapping[str, float] = field(default_factory=lambda: {"loss": 1.0})

    def weights(self, batch: Batch) -> dict[str, float]:
        largest = float(batch.fields["score"].abs().max())
        if largest > self.highest:
            raise DataError(
                f"a score is {largest:g}, and a cosine reaches {self.highest:g} / `objective.highest`",
                at="objective.highest",
                hint=f"objective.highest={largest:g}",
            )
        return dict.fromkeys(self.coefficients, float(batch.fields["weight"][0::2].double().sum()))

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        own_ND = embeddings(models.policy, batch, self.embedder)
        weight_P = batch.fields["weight"][0::2].double()
        sums, metrics, losses = {}, {}, {}
        for name, dim in self.dims.items():
            shown_ND = compared(own_ND, dim, True)
            cosine_P = (shown_ND[0::2] * shown_ND[1::2]).sum(-1)
            loss_P = (cosine_P - batch.fields["score"][0::2].double() / self.highest).square()
            sums[name], losses[name] = (loss_P * weight_P).sum(), self.coefficients[name] * loss_P.detach()
            if dim is None:
                metrics = {"cosine": ((cosine_P.detach() * weight_P).sum(), weight_P.sum())}
        return Terms(sums, metrics, LossParts("group", torch.stack(list(losses.values())).sum(0)))


def _firsts(weight_M: Tensor) -> Tensor:
    """The weight of the first text of each pair, and 0 for the second."""
    firsts_M = torch.zeros_like(weight_M)
    firsts_M[0::2] = (weight_M[0::2] > 0).to(weight_M)
    return firsts_M
