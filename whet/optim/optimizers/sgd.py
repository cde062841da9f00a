"""Stochastic gradient descent with momentum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import optimizer
from whet.base.errors import ConfigError
from whet.base.settings import Momentum, NonNegative, Positive

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from whet.optim.groups import ParamGroups


@optimizer("sgd", state_bytes=4)
def sgd(
    groups: ParamGroups,
    *,
    lr: Positive = 1e-2,
    momentum: Momentum = 0.9,
    nesterov: bool = False,
    weight_decay: NonNegative = 0.0,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
) -> Optimizer:
    """SGD with momentum (Sutskever et al. 2013), torch's fused step.

    lr: peak learning rate
    momentum: decay rate of the velocity; 0 keeps no state
    nesterov: look ahead along the velocity
    weight_decay: L2 coefficient added to the gradient
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    """
    import torch

    if nesterov and not momentum:
        hint = "optimizer.momentum=0.9"
        raise ConfigError("`nesterov` looks ahead along the momentum, and there is none", at="optimizer", hint=hint)
    params = groups.with_decay(weight_decay, decay)
    return torch.optim.SGD(params, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
