"""Sophia-G: momentum over the curvature, clipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, NonNegative, Positive
from whet.optim.costs import moments

if TYPE_CHECKING:
    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


@optimizer("sophia", state_bytes=moments(2), needs=("sampled_gradient",), one_by_one=True)
def sophia(
    groups: ParamGroups,
    *,
    lr: Positive = 1e-4,
    betas: Betas = (0.965, 0.99),
    rho: Positive = 0.04,
    every: Count = 10,
    weight_decay: NonNegative = 0.1,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Momentum over a sampled diagonal of the curvature, clipped to the rate (Liu et al. 2023, algorithm 3).

    lr: the furthest a weight moves a step
    betas: decay rates of the momentum and the curvature
    rho: share of the curvature that is divided by; larger clips less
    every: steps between two measurements of the curvature, each a forward pass and a forward and backward pass more
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the moments are stored
    """
    from whet.optim.curvature import Curved
    from whet.optim.elementwise import Sophia

    return Curved(groups, groups.with_decay(weight_decay, decay), Sophia(betas, rho), every, lr=lr, state=state)
