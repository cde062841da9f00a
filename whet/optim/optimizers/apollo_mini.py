"""APOLLO-Mini: the whole gradient with one learning rate a matrix."""

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
    basis = "fp32" if settings["store_basis"] else "none"
    return low_rank(trained.shape, settings, basis=basis) + 4 * math.prod(trained.shape[:-2])


@optimizer("apollo-mini", state_bytes=with_rest(_bytes), one_by_one=True)
def apollo_mini(
    groups: ParamGroups,
    *,
    lr: Positive = 1e-3,
    rank: Count = 1,
    gap: Count = 200,
    scale: Positive = 128.0,
    growth: Positive = 1.01,
    scale_first: bool = False,
    store_basis: bool = True,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-6,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """Gradients scaled a tensor by Adam in one random direction (Zhu et al. 2024, section 4.2).

    lr: peak learning rate of matrices
    rank: dimensions of the subspace
    gap: steps between two bases
    scale: its root multiplies every step
    growth: how much longer than the last one a step may be
    scale_first: multiply before the limit on growth rather than after it
    store_basis: keep the random basis; without it, it is drawn again from its seed in every step
    betas: decay rates of the moments in the subspace
    eps: added to the root of the second moment
    weight_decay: fraction of the new weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the moments are stored
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.family import Family
    from whet.optim.projected import Apollo
    from whet.optim.split import matrices_and_rest

    def build(chosen: ParamGroups) -> Optimizer:
        rule = Apollo(rank, gap, scale, "tensor", growth, scale_first, store_basis, betas, eps, state, chosen.seed)
        return Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr)

    return matrices_and_rest(groups, "apollo-mini", build, rest, rank)
