"""AdamW: torch's fused step, or the family's where state is compressed or weights are bfloat16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, NonNegative, Positive
from whet.optim.costs import moments

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from whet.optim.groups import ParamGroups


@optimizer("adamw", state_bytes=moments(2), one_by_one=True)
def adamw(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    betas: Betas = (0.9, 0.95),
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), torch's fused step.

    lr: peak learning rate
    betas: decay rates of the first and second moment
    eps: added to the root of the second moment
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the moments are stored
    """
    import torch

    from whet.optim.elementwise import Adam
    from whet.optim.family import Family

    parameter_groups = groups.with_decay(weight_decay, decay)
    # torch keeps bfloat16 moments beside bfloat16 weights; at beta_2 0.999 its second moment never falls again.
    if state == "fp32" and groups.fits_torch:
        return torch.optim.AdamW(parameter_groups, lr=lr, betas=betas, eps=eps, fused=True)
    return Family(groups, parameter_groups, Adam(betas, eps), lr=lr, state=state)
