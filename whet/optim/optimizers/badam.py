"""BAdam: Adam on one layer at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, NonNegative, Positive
from whet.optim.costs import moments

if TYPE_CHECKING:
    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


@optimizer("badam", state_bytes=moments(2), needs=("turns",), one_by_one=True)
def badam(
    groups: ParamGroups,
    *,
    every: Count = 100,
    order: Literal["random", "ascending", "descending"] = "random",
    outside: Literal["frozen", "always"] = "frozen",
    lr: Positive = 2e-4,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Adam on one layer at a time, its state forgotten between turns (Luo et al. 2024, algorithm 1).

    every: steps of a turn
    order: of the layers in a cycle
    outside: whether embeddings, head and what else lies outside of the layers is trained never or always
    lr: peak learning rate
    betas: decay rates of the first and second moment
    eps: added to the root of the second moment
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the moments are stored
    """
    from whet.optim.blocks import Turns, count_layers, one_by_one
    from whet.optim.elementwise import Adam
    from whet.optim.family import Family

    chosen = one_by_one(count_layers(groups, "badam"), order, groups.seed)
    turns = Turns(every, chosen, lambda member: outside == "always")
    return Family(groups, groups.with_decay(weight_decay, decay), Adam(betas, eps), lr=lr, state=state, turns=turns)
