"""Schedule-Free AdamW: an average of the weights in place of a falling rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, NonNegative, Positive
from whet.optim.costs import StateBytes, Trained, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return moment(trained.shape, settings) + moment(trained.shape, {})


@optimizer("schedule-free", state_bytes=StateBytes(_bytes), needs=("evaluation_weights",), one_by_one=True)
def schedule_free(
    groups: ParamGroups,
    *,
    lr: Positive = 2.5e-3,
    betas: Betas = (0.9, 0.999),
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """AdamW whose weights are averaged rather than cooled (Defazio et al. 2024); take `schedule: constant`.

    lr: learning rate, above AdamW's peak
    betas: share of the average in the point where gradients are taken, and decay rate of the second moment
    eps: added to the root of the second moment
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the second moment is stored; the second copy of the weights stays exact
    """
    from whet.base.errors import ConfigError
    from whet.optim.family import Family
    from whet.optim.schedule_free import ScheduleFree

    if not betas[0]:
        raise ConfigError(
            "`optimizer.betas`: schedule-free divides by the first one", hint="optimizer.betas=[0.9,0.999]"
        )
    return Family(groups, groups.with_decay(weight_decay, decay), ScheduleFree(betas, eps), lr=lr, state=state)
