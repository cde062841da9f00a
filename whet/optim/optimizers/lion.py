"""Lion: the sign of a momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, NonNegative, Positive
from whet.optim.costs import moments

if TYPE_CHECKING:
    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


@optimizer("lion", state_bytes=moments(1), one_by_one=True)
def lion(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-5,
    betas: Betas = (0.9, 0.99),
    weight_decay: NonNegative = 0.1,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Sign of the interpolated momentum (Chen et al. 2023, algorithm 2).

    lr: how far every weight moves a step; about a tenth of AdamW's
    betas: share of the momentum in the direction, and its decay rate
    weight_decay: fraction of the weight removed per step, times the rate; about ten times AdamW's
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the momentum is stored
    """
    from whet.optim.elementwise import Lion
    from whet.optim.family import Family

    return Family(groups, groups.with_decay(weight_decay, decay), Lion(betas), lr=lr, state=state)
