"""Fira: GaLore with what the projection misses."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, NonNegative, Positive, choice
from whet.optim.costs import Trained, low_rank, with_rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return low_rank(trained.shape, settings) + 4 * math.prod(trained.shape[:-2])


@optimizer("fira", state_bytes=with_rest(_bytes), one_by_one=True)
def fira(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    rank: Count = 128,
    gap: Count = 200,
    scale: Positive = 1.0,
    basis: Literal["svd", "gram"] = "svd",
    growth: Positive = 1.01,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-6,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """GaLore plus the rest of the gradient, scaled alike (Chen et al. 2024, algorithm 1).

    lr: peak learning rate of matrices
    rank: dimensions of the subspace
    gap: steps between two bases
    scale: multiplies every step
    basis: from the singular vectors of the gradient, or from the eigenvectors of its Gram matrix, which is quicker
    growth: how much longer than the last one what the projection misses may be
    betas: decay rates of the moments in the subspace
    eps: added to the root of the second moment
    weight_decay: fraction of the new weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the moments are stored
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.family import Family
    from whet.optim.projected import Fira
    from whet.optim.split import matrices_and_rest

    def build(chosen: ParamGroups) -> Optimizer:
        rule = Fira(rank, gap, scale, basis, betas, eps, state, growth=growth)
        return Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr)

    return matrices_and_rest(groups, "fira", build, rest, rank)
