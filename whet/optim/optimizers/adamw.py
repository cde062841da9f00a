"""AdamW and its fused step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, NonNegative, Positive

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from whet.optim.groups import ParamGroups


@optimizer("adamw", state_bytes=8)
def adamw(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    betas: Betas = (0.9, 0.95),
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), torch's fused step.

    lr: peak learning rate
    betas: decay rates of the first and second moment
    eps: added to the root of the second moment
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    """
    import torch

    return torch.optim.AdamW(groups.with_decay(weight_decay, decay), lr=lr, betas=betas, eps=eps, fused=True)
