"""InfoNCE: a query's own document among all documents of the step."""

# M texts of the whole step  A anchors (query and positive) of a chunk  K documents  Q queries  D model

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from whet.contracts.reading import POSITIVE, QUERY
from whet.objectives.gradcache import EMBEDDINGS, Losses, Tables, with_gradient
from whet.objectives.pooling import compared

# Similarities of so many bytes are looked at together.
CHUNK_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Contrast:
    """-log softmax of similarity / temperature at the own document, over all documents of the step.

    `margin` leaves out documents that are more similar than the own one by more than that: they may well answer the
    query (Zhang et al. 2025, equation 1, has 0.1). Documents of the same text as a right one, the other ones of the
    query, and those of an equal query are always left out. `symmetric` adds the same from documents to queries, half
    each (Radford et al. 2021, figure 3).
    """

    temperature: float
    normalize: bool = True
    symmetric: bool = False
    margin: float | None = None
    chunk_bytes: int = CHUNK_BYTES

    @property
    def fields(self) -> tuple[str, ...]:
        return "role", "text"

    def counted(self, fields: Tables) -> Tensor:
        return (fields["role"] == POSITIVE).to(fields["weight"])

    def __call__(self, tables: Tables, dim: int | None) -> Losses:
        step = _Step.of(tables)
        shown_MD, back = with_gradient(lambda e: compared(e, dim, self.normalize), tables[EMBEDDINGS])
        losses_M, hits_M = shown_MD.new_zeros(len(shown_MD)), shown_MD.new_zeros(len(shown_MD))
        gaps_M, gradient_MD = torch.zeros_like(losses_M), torch.zeros_like(shown_MD)
        is_learning = torch.is_grad_enabled()
        for anchors_A in step.anchors.split(max(1, self.chunk_bytes // (8 * len(shown_MD)))):
            loss_A, hits_M[anchors_A], gaps_M[anchors_A] = self._losses(shown_MD, step, anchors_A)
            losses_M[anchors_A] = loss_A.detach()
            if is_learning:
                gradient_MD += torch.autograd.grad(loss_A.sum(), shown_MD)[0]
        gradient = back(gradient_MD) if is_learning else torch.zeros_like(tables[EMBEDDINGS])
        return Losses(losses_M, gradient, {"accuracy": hits_M, "gap": gaps_M})

    def _losses(self, shown_MD: Tensor, step: _Step, anchors_A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of each anchor: the loss, whether its document is the nearest, by how much."""
        queries_A = step.queries[step.group_M[anchors_A]]
        similar_AK = shown_MD[queries_A] @ shown_MD[step.documents].T
        own_A = step.place_M[anchors_A]
        out_AK = step.not_negative(anchors_A, queries_A)
        right_A1 = similar_AK.gather(1, own_A[:, None])
        if self.margin is not None:
            out_AK |= similar_AK.detach() > right_A1.detach() + self.margin
        out_AK.scatter_(1, own_A[:, None], False)
        loss_A = self._cross_entropy(similar_AK, out_AK, own_A)
        others_AK = similar_AK.detach().masked_fill(out_AK, -torch.inf).scatter(1, own_A[:, None], -torch.inf)
        nearest_A = others_AK.amax(1)
        gap_A = torch.where(nearest_A.isfinite(), right_A1.detach()[:, 0] - nearest_A, 0.0)
        if self.symmetric:
            similar_AQ = shown_MD[anchors_A] @ shown_MD[step.queries].T
            own_A = step.group_M[anchors_A]
            out_AQ = step.not_other(anchors_A, queries_A)
            if self.margin is not None:
                out_AQ |= similar_AQ.detach() > right_A1.detach() + self.margin
            out_AQ.scatter_(1, own_A[:, None], False)
            loss_A = (loss_A + self._cross_entropy(similar_AQ, out_AQ, own_A)) / 2
        return loss_A, (right_A1.detach()[:, 0] > nearest_A).to(gap_A), gap_A

    def _cross_entropy(self, similar_AK: Tensor, out_AK: Tensor, own_A: Tensor) -> Tensor:
        logits_AK = (similar_AK / self.temperature).masked_fill(out_AK, -torch.inf)
        return torch.nn.functional.cross_entropy(logits_AK, own_A, reduction="none")


@dataclass(frozen=True, slots=True)
class _Step:
    """Where queries and documents lie among the step's texts, and which of them go together.

    `queries` (Q,), `documents` (K,) and `anchors`, the positives, are rows of the tables; `group_M` is the query that a
    text belongs to, `place_M` where a document lies among the documents. Texts without weight are in none.
    """

    queries: Tensor
    documents: Tensor
    anchors: Tensor
    group_M: Tensor
    place_M: Tensor
    text_M: Tensor
    role_M: Tensor

    @classmethod
    def of(cls, tables: Tables) -> _Step:
        role_M, is_real_M = tables["role"], tables["weight"] > 0
        is_query_M, is_document_M = is_real_M & (role_M == QUERY), is_real_M & (role_M != QUERY)
        return cls(
            is_query_M.nonzero()[:, 0],
            is_document_M.nonzero()[:, 0],
            (is_document_M & (role_M == POSITIVE)).nonzero()[:, 0],
            is_query_M.long().cumsum(0) - 1,
            is_document_M.long().cumsum(0) - 1,
            tables["text"],
            role_M,
        )

    def not_negative(self, anchors_A: Tensor, queries_A: Tensor) -> Tensor:
        """Documents that may be right for the query as well (A, K)."""
        text_K, right_K = self.text_M[self.documents], self.role_M[self.documents] == POSITIVE
        asked_K = self.text_M[self.queries][self.group_M[self.documents]]
        same_AK = (text_K == self.text_M[anchors_A][:, None]) | (text_K == self.text_M[queries_A][:, None])
        return same_AK | (right_K & (asked_K == self.text_M[queries_A][:, None]))

    def not_other(self, anchors_A: Tensor, queries_A: Tensor) -> Tensor:
        """Queries that the document may answer as well (A, Q): equal ones, and those that have it, or its text."""
        text_Q = self.text_M[self.queries]
        same_AQ = text_Q == self.text_M[queries_A][:, None]
        is_same_AP = self.text_M[self.anchors] == self.text_M[anchors_A][:, None]
        counts_AQ = torch.zeros(same_AQ.shape, device=same_AQ.device)
        counts_AQ.index_add_(1, self.group_M[self.anchors], is_same_AP.float())
        return same_AQ | (counts_AQ > 0) | (text_Q == self.text_M[anchors_A][:, None])
