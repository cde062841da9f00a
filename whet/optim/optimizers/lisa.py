"""LISA: Adam on a few sampled layers at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, NonNegative, Positive
from whet.optim.costs import moments

if TYPE_CHECKING:
    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


@optimizer("lisa", state_bytes=moments(2), needs=("turns",), one_by_one=True)
def lisa(
    groups: ParamGroups,
    *,
    layers: Count = 2,
    every: Count = 20,
    lr: Positive = 2e-4,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Adam on a few sampled layers, embeddings and head (Pan et al. 2024, algorithm 1).

    layers: how many are trained at a time
    every: steps of a turn
    lr: peak learning rate
    betas: decay rates of the first and second moment
    eps: added to the root of the second moment
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the moments are stored
    """
    from whet.base.errors import ConfigError
    from whet.optim.blocks import Turns, count_layers, sampled
    from whet.optim.elementwise import Adam
    from whet.optim.family import Family

    total = count_layers(groups, "lisa")
    if layers > total:
        raise ConfigError(
            f"`optimizer.layers` is {layers}, and the model has {total}", hint=f"optimizer.layers={total}"
        )
    turns = Turns(every, sampled(total, layers, groups.seed), lambda member: True)
    return Family(groups, groups.with_decay(weight_decay, decay), Adam(betas, eps), lr=lr, state=state, turns=turns)
