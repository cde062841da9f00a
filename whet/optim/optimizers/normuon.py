"""NorMuon: Muon with even rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Count, Momentum, NonNegative, Positive, choice
from whet.optim.costs import Trained, moment, with_rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return moment(trained.shape, settings) + 4 * math.prod(trained.shape[:-1])


@optimizer("normuon", state_bytes=with_rest(_bytes), one_by_one=True)
def normuon(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    momentum: Momentum = 0.95,
    nesterov: bool = True,
    beta: Momentum = 0.95,
    eps: Positive = 1e-8,
    coefficients: Literal["kj", "quintic", "polar-express"] = "polar-express",
    iterations: Count = 5,
    precision: Literal["auto", "fp32", "bf16", "fp64"] = "auto",
    weight_decay: NonNegative = 0.1,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """Muon whose rows are evened out by their running mean square (Li et al. 2025, algorithm 1).

    lr: peak learning rate of matrices
    momentum: decay rate of the momentum
    nesterov: look ahead along the momentum
    beta: decay rate of the rows' mean square
    eps: added to its root
    coefficients: polynomials of the iteration: Jordan's, the five of dion, or Polar Express
    iterations: Newton-Schulz iterations
    precision: of the iterations; `auto` is bf16 on a GPU and fp32 on a CPU
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the momentum is stored
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.family import Family
    from whet.optim.orthogonal import Form, NorMuon
    from whet.optim.split import matrices_and_rest

    rule = NorMuon(momentum, nesterov, beta, eps, Form(coefficients, iterations, "rms", precision), state)
    return matrices_and_rest(
        groups, "normuon", lambda chosen: Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr), rest
    )
