"""SOAP: Adam in Shampoo's eigenbasis."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Betas, Count, Momentum, NonNegative, Positive, choice
from whet.optim.costs import Trained, moment, with_rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    sides = [side for side in trained.shape[-2:] if side <= settings["largest"]]
    experts = math.prod(trained.shape[:-2])
    return 2 * moment(trained.shape, settings) + 8 * experts * sum(side * side for side in sides)


@optimizer("soap", state_bytes=with_rest(_bytes), one_by_one=True)
def soap(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    betas: Betas = (0.95, 0.95),
    shampoo_beta: Momentum = 0.95,
    eps: Positive = 1e-8,
    every: Count = 10,
    largest: Count = 10000,
    weight_decay: NonNegative = 0.01,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """Adam in the eigenbasis of Shampoo's preconditioner (Vyas et al. 2024, algorithm 3).

    lr: peak learning rate of matrices
    betas: decay rates of the first and second moment
    shampoo_beta: decay rate of the preconditioner
    eps: added to the root of the second moment
    every: steps between two eigenbases
    largest: a side longer than this is not preconditioned
    weight_decay: fraction of the new weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the moments are stored; the preconditioner stays exact
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.eigenbasis import Soap
    from whet.optim.family import Family
    from whet.optim.split import matrices_and_rest

    rule = Soap(betas, shampoo_beta, eps, every, largest, state)
    return matrices_and_rest(
        groups, "soap", lambda chosen: Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr), rest
    )
