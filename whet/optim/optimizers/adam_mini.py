"""Adam-mini: Adam with one second moment a block."""

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
    """A number a row or head of the second moment; one for a norm."""
    rows = trained.shape[0] if trained.shape else 1
    blocks = 1 if trained.role in ("norm", "other") else rows // trained.head_rows
    return moment(trained.shape, settings) + 4 * blocks


@optimizer("adam-mini", state_bytes=StateBytes(_bytes), one_by_one=True)
def adam_mini(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    betas: Betas = (0.9, 0.95),
    eps: Positive = 1e-8,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert", "head"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
) -> Optimizer:
    """Adam with one second moment a head, row or tensor (Zhang et al. 2024, algorithm 1); AdamW's rate carries over.

    lr: peak learning rate
    betas: decay rates of the first and second moment
    eps: added to the root of the second moment
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay; norms, biases and embeddings do not by default
    state: how the first moment is stored
    """
    from whet.optim.block_mean import BlockMean
    from whet.optim.family import Family

    return Family(groups, groups.with_decay(weight_decay, decay), BlockMean(betas, eps), lr=lr, state=state)
