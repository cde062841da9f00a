"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.errors import ConfigError
from whet.base.settings import Momentum, NonNegative, Positive
from whet.optim.costs import StateBytes, Trained, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return moment(trained.shape, settings) if settings["momentum"] else 0.0


@optimizer("sgd", state_bytes=StateBytes(_bytes), one_by_one=True)
def sgd(
    groups: ParamGroups,
    *,
    lr: Positive = 1e-2,
    momentum: Momentum = 0.9,
    nesterov: bool = False,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """SGD with momentum (Sutskever et al. 2013), torch's fused step.

    lr: peak learning rate
    momentum: decay rate of the velocity; 0 keeps no state
    nesterov: look ahead along the velocity
    weight_decay: L2 coefficient added to the gradient
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the velocity is stored
    """
    from whet.optim.elementwise import Momentum as Rule
    from whet.optim.family import Family

    if nesterov and not momentum:
        hint = "optimizer.momentum=0.9"
        raise ConfigError("`nesterov` looks ahead along the momentum, and there is none", at="optimizer", hint=hint)
    # torch.optim.SGD itself has no sharding strategy for its fused step (2.13), and names its state otherwise: a
    # checkpoint of one process could not go on on several.
    return Family(groups, groups.with_decay(weight_decay, decay), Rule(momentum, nesterov), lr=lr, state=state)
