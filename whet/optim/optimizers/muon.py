"""Muon: orthogonalised momentum for matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from whet.base.catalogue import optimizer
from whet.base.settings import Count, Momentum, NonNegative, Positive, choice
from whet.optim.costs import Trained, moment, with_rest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from whet.contracts.optimizer import Optimizer
    from whet.optim.groups import ParamGroups


def _bytes(trained: Trained, settings: Mapping[str, Any]) -> float:
    return moment(trained.shape, settings)


@optimizer("muon", state_bytes=with_rest(_bytes), one_by_one=True)
def muon(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    momentum: Momentum = 0.95,
    nesterov: bool = True,
    coefficients: Literal["kj", "quintic", "polar-express"] = "polar-express",
    iterations: Count = 5,
    scale: Literal["rms", "original"] = "rms",
    per_head: bool = False,
    precision: Literal["auto", "fp32", "bf16", "fp64"] = "auto",
    weight_decay: NonNegative = 0.1,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """Momentum of matrices made orthogonal by Newton-Schulz (Jordan et al. 2024; Liu et al. 2025, equation 4).

    lr: peak learning rate of matrices
    momentum: decay rate of the momentum
    nesterov: look ahead along the momentum
    coefficients: polynomials of the iteration: Jordan's, the five of dion, or Polar Express
    iterations: Newton-Schulz iterations
    scale: length of a step: `rms` is AdamW's, so that its rate carries over; `original` sqrt(max(1, rows/columns))
    per_head: make each head of query, key and value projections orthogonal by itself
    precision: of the iterations; `auto` is bf16 on a GPU and fp32 on a CPU
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the momentum is stored
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.family import Family
    from whet.optim.orthogonal import Form, Muon
    from whet.optim.split import matrices_and_rest

    rule = Muon(momentum, nesterov, Form(coefficients, iterations, scale, precision, per_head), state)
    return matrices_and_rest(
        groups, "muon", lambda chosen: Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr), rest
    )
