"""BAdam's ratio form: Adam on a share of every weight at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, Fraction, NonNegative, Positive
from whet.optim.costs import StateBytes, Trained, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    rows = trained.shape[0] if trained.shape else 1
    columns = max(1, round(settings["ratio"] * math.prod(trained.shape[1:])))
    return 2 * moment((rows, columns), settings)


@optimizer("badam-ratio", state_bytes=StateBytes(_bytes), one_by_one=True)
def badam_ratio(
    groups: ParamGroups,
    *,
    ratio: Fraction = 0.1,
    every: Count = 100,
    lr: Positive = 2e-4,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Adam on a random share of every weight's columns at a time (Luo et al. 2024, the published code's ratio form).

    ratio: share of the columns that is trained
    every: steps until other columns are drawn
    lr: peak learning rate
    betas: decay rates of the first and second moment
    eps: added to the root of the second moment
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the moments are stored
    """
    from whet.optim.elementwise import Adam
    from whet.optim.family import Family
    from whet.optim.masked import Masked

    rule = Masked(Adam(betas, eps), ratio, every, groups.seed)
    return Family(groups, groups.with_decay(weight_decay, decay), rule, lr=lr, state=state)
