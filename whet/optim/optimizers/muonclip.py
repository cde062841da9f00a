"""MuonClip: Muon, and attention logits that do not explode."""

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


@optimizer("muonclip", state_bytes=with_rest(_bytes), needs=("attention_logits",))
def muonclip(
    groups: ParamGroups,
    *,
    lr: Positive = 2e-4,
    threshold: Positive = 100.0,
    momentum: Momentum = 0.95,
    nesterov: bool = True,
    coefficients: Literal["kj", "quintic", "polar-express"] = "polar-express",
    iterations: Count = 5,
    precision: Literal["auto", "fp32", "bf16", "fp64"] = "auto",
    weight_decay: NonNegative = 0.1,
    decay: tuple[str, ...] = ("matrix", "expert"),
    state: Literal["fp32", "bf16", "8bit"] = "fp32",
    rest: choice("optimizer", "adamw") = None,  # type: ignore[valid-type]
) -> Optimizer:
    """Muon with QK-clip: heads whose attention logits pass a threshold are scaled back (Kimi K2 2025, algorithm 1).

    lr: peak learning rate of matrices
    threshold: largest attention logit of a head
    momentum: decay rate of the momentum
    nesterov: look ahead along the momentum
    coefficients: polynomials of the iteration: Jordan's, the five of dion, or Polar Express
    iterations: Newton-Schulz iterations
    precision: of the iterations; `auto` is bf16 on a GPU and fp32 on a CPU
    weight_decay: fraction of the weight removed per step, times the rate
    decay: parameter roles that decay
    state: how the momentum is stored
    rest: the optimizer of embeddings, head, norms and biases
    """
    from whet.optim.family import Family
    from whet.optim.orthogonal import Form, Muon
    from whet.optim.qk_clip import QKClip
    from whet.optim.split import matrices_and_rest

    rule = Muon(momentum, nesterov, Form(coefficients, iterations, "rms", precision), state)

    def build(chosen: ParamGroups) -> Optimizer:
        return Family(chosen, chosen.with_decay(weight_decay, decay), rule, lr=lr)

    return QKClip(matrices_and_rest(groups, "muonclip", build, rest), threshold)
