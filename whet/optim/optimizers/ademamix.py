"""AdEMAMix: Adam with a long memory beside the short one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Momentum, Natural, NonNegative, Positive
from whet.optim.costs import moments

if TYPE_CHECKING:
    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


@optimizer("ademamix", state_bytes=moments(3), one_by_one=True)
def ademamix(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    betas: tuple[Momentum, Momentum, Momentum] = (0.9, 0.999, 0.9999),
    eps: Positive = 1e-8,
    alpha: NonNegative = 5.0,
    horizon: Natural = 0,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Adam with a second, slow momentum (Pagliardini et al. 2024, algorithm 1).

    lr: peak learning rate
    betas: decay rates of the fast momentum, the second moment and the slow momentum
    eps: added to the root of the second moment
    alpha: weight of the slow momentum
    horizon: steps over which `alpha` and the slow rate grow to their values, best the whole run; 0 has them at once
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the moments are stored
    """
    from whet.optim.elementwise import AdEMAMix
    from whet.optim.family import Family

    rule = AdEMAMix(betas, eps, alpha, horizon)
    return Family(groups, groups.with_decay(weight_decay, decay), rule, lr=lr, state=state)
