"""CAME: Adafactor with momentum and a measure of confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Momentum, NonNegative, Positive
from whet.optim.costs import StateBytes, Trained, moment
from whet.optim.optimizers.adafactor import factored_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    factors = (2 if len(trained.shape) > 1 else 1) * factored_numbers(tuple(trained.shape))
    return moment(trained.shape, settings) + 4 * factors


@optimizer("came", state_bytes=StateBytes(_bytes), one_by_one=True)
def came(
    groups: ParamGroups,
    *,
    lr: Positive = 1e-4,
    betas: tuple[Momentum, Momentum, Momentum] = (0.9, 0.999, 0.9999),
    eps: tuple[Positive, Positive] = (1e-30, 1e-16),
    clip: Positive = 1.0,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Factored second moments, less where updates disagree with their average (Luo et al. 2023, algorithm 2).

    lr: peak learning rate
    betas: decay rates of the momentum, the second moment and the instability
    eps: added to the squares of the gradient and of the instability
    clip: largest root mean square of an update
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the momentum is stored
    """
    from whet.optim.factored import Came
    from whet.optim.family import Family

    return Family(groups, groups.with_decay(weight_decay, decay), Came(betas, eps, clip, state), lr=lr)
