"""Cached embeddings: a loss of all embeddings of a step, back-propagated a micro-batch at a time (Gao et al. 2021)."""

# M texts of the whole step  N texts of a micro-batch  D model

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from whet.contracts.batch import Batch
from whet.contracts.model import Embedder, Models
from whet.contracts.objective import LossParts, Shared, Terms, Traits
from whet.objectives.pooling import embeddings

EMBEDDINGS = "embeddings"
Tables = Mapping[str, Tensor]


class Losses(NamedTuple):
    """Of each text (M,): its share of the term's sum, and of each metric; and the sum's gradient (M, D)."""

    losses_M: Tensor
    gradient_MD: Tensor
    metrics: Mapping[str, Tensor]


class Coupling(Protocol):
    """A loss of all embeddings of a step.

    `fields` are those of the batch that it needs, `counted` marks the texts (N,) that its sums are over. Calling it
    gives the losses of the first `dim` numbers of each embedding.
    """

    @property
    def fields(self) -> Sequence[str]: ...

    def counted(self, fields: Tables) -> Tensor: ...

    def __call__(self, tables: Tables, dim: int | None) -> Losses: ...


@dataclass(frozen=True, slots=True)
class CachedEmbeddings:
    """A coupling as an objective: embed the step without gradient, take the loss once, then each micro-batch again.

    A micro-batch's term is the inner product of its embeddings with the loss's gradient by them, so that its gradient
    is the whole loss's, and its value is its share of the loss. `dims` are Matryoshka's (Kusupati et al. 2022): each is
    a term of its own beside the whole embedding.
    """

    coupling: Coupling
    embedder: Embedder
    traits: Traits
    coefficients: Mapping[str, float]
    dims: Mapping[str, int | None]

    def weights(self, batch: Batch) -> dict[str, float]:
        counted = float((self.coupling.counted(batch.fields).double() * batch.fields["weight"].double()).sum())
        return dict.fromkeys(self.coefficients, counted)

    def prepare(self, models: Models, batches: Iterable[Batch]) -> Mapping[str, Sequence[Tensor]]:
        """The embeddings of each micro-batch, and what the coupling must know of them."""
        found: dict[str, list[Tensor]] = {name: [] for name in (EMBEDDINGS, "weight", *self.coupling.fields)}
        for batch in batches:
            for name, table in self._tables(batch, embeddings(models.policy, batch, self.embedder)).items():
                found[name].append(table)
        return found

    def settle(self, tables: Tables) -> Mapping[str, Tensor]:
        """Losses, metrics and gradients of every term; gradients only where they are wanted."""
        found: dict[str, Tensor] = {}
        for name, dim in self.dims.items():
            losses = self.coupling(tables, dim)
            found |= {f"loss/{name}": losses.losses_M, f"gradient/{name}": losses.gradient_MD}
            if dim is None:
                found |= {f"metric/{metric}": value for metric, value in losses.metrics.items()}
        return found

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        own_ND = embeddings(models.policy, batch, self.embedder)
        if not statistics:
            whole = self.settle(self._tables(batch, own_ND.detach()))
            statistics = {name: Shared(table, slice(0, len(own_ND))) for name, table in whole.items()}
        here = {name: shared.whole[shared.own] for name, shared in statistics.items()}
        sums = {}
        for name in self.coefficients:
            bound = (own_ND * here[f"gradient/{name}"].to(own_ND.dtype)).sum().double()
            sums[name] = here[f"loss/{name}"].sum() + (bound - bound.detach())
        count = (self.coupling.counted(batch.fields) * batch.fields["weight"]).sum()
        metrics = {n.partition("/")[2]: (value.sum(), count) for n, value in here.items() if n.startswith("metric/")}
        loss_N = torch.stack([c * here[f"loss/{name}"].detach() for name, c in self.coefficients.items()]).sum(0)
        return Terms(sums, metrics, LossParts("sequence", loss_N))

    def _tables(self, batch: Batch, embeddings_ND: Tensor) -> dict[str, Tensor]:
        own = {name: batch.fields[name] for name in ("weight", *self.coupling.fields)}
        return {EMBEDDINGS: embeddings_ND, **own}


def with_gradient(
    shown: Callable[[Tensor], Tensor], embeddings_MD: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """What is compared of the embeddings, as a leaf that gathers a gradient, and what turns that into theirs."""
    leaf_MD = embeddings_MD.detach().requires_grad_()
    with torch.enable_grad():
        made = shown(leaf_MD)
    gathered = made.detach().requires_grad_()

    def back(gradient: Tensor) -> Tensor:
        return torch.autograd.grad(made, leaf_MD, gradient)[0]

    return gathered, back


def dims_of(matryoshka: Sequence[int]) -> dict[str, int | None]:
    """Names of the terms and how many numbers of an embedding each looks at (None: all)."""
    if not matryoshka:
        return {"loss": None}
    return {"full": None, **{f"dim{dim}": dim for dim in matryoshka}}
