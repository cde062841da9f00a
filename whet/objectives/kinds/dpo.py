"""Direct preference optimisation and its relatives that compare with a reference."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Lt

from whet.base.catalogue import objective
from whet.base.errors import ConfigError
from whet.base.settings import Fraction, NonNegative, Positive
from whet.contracts.objective import Objective, Reference

PairLoss = Literal[
    "sigmoid", "sigmoid_mean", "robust", "hinge", "ipo", "exo", "nca", "bco", "sppo", "apo_zero", "apo_down", "discopop"
]
Doubt = Annotated[float, Ge(0), Lt(0.5)]
# Which losses know of a setting; in all others it would do nothing.
_SMOOTHED = {"sigmoid", "sigmoid_mean", "robust", "exo"}
_DIVERGING = {"sigmoid", "sigmoid_mean", "robust", "hinge", "ipo", "exo", "discopop"}


@objective("dpo", takes=("preference",), usual=True, settings={"reference=stored": "objective.stored"})
def dpo(
    *,
    beta: NonNegative = 0.1,
    loss: PairLoss | dict[PairLoss, Positive] = "sigmoid",
    label_smoothing: Doubt = 0.0,
    divergence: Literal["reverse_kl", "forward_kl", "js", "alpha"] = "reverse_kl",
    alpha: Positive = 0.5,
    tau: Positive = 0.05,
    length_weight: Fraction = 1.0,
    sft: NonNegative = 0.0,
    reference: Reference = "auto",
) -> Objective:
    """Prefer chosen to rejected replies, measured against a reference: DPO and its variants, which add up.

    beta: how strongly the policy is held to the reference
    loss: one loss, or several with their weights, such as {sigmoid: 1, bco: 0.5}
    label_smoothing: chance that a pair is the wrong way round (cDPO with `sigmoid`; `robust`, `exo`)
    divergence: the f-divergence from the reference that log-ratios stand for
    alpha: order of the `alpha` divergence
    tau: temperature of `discopop`
    length_weight: weight of the tokens past the end of the shorter reply (LD-DPO below 1)
    sft: weight of the next-token loss of chosen replies, a mean over their tokens
    reference: a frozen `copy`, the model with `adapters` off, or `stored` log-probabilities computed once
    """
    from whet.objectives.pair_losses import LOSSES, Shape
    from whet.objectives.preference import SFT, Preference

    chosen: dict[str, float] = {loss: 1.0} if isinstance(loss, str) else {str(name): w for name, w in loss.items()}
    _check(set(chosen), beta, label_smoothing, divergence)
    _refuse_idle(set(chosen), divergence, alpha, tau)
    coefficients = {**chosen, **({SFT: sft} if sft else {})}
    shape = Shape(beta, label_smoothing, divergence, alpha, tau)
    return Preference({name: LOSSES[name] for name in chosen}, coefficients, shape, reference, length_weight)


def _check(losses: set[str], beta: float, label_smoothing: float, divergence: str) -> None:
    """Refuse what the chosen losses cannot use."""
    if not losses:
        raise ConfigError("`dpo` without a loss learns nothing", at="objective.loss", hint="objective.loss=sigmoid")
    if beta == 0 and losses & {"ipo", "sppo"}:
        raise ConfigError("`ipo` and `sppo` divide by `beta`", at="objective.beta", hint="objective.beta=0.1")
    if label_smoothing and not losses & _SMOOTHED:
        names = ", ".join(sorted(_SMOOTHED))
        raise ConfigError(
            f"`label_smoothing` does nothing here: only {names} know of it",
            at="objective.label_smoothing", hint="objective.loss=robust",
        )  # fmt: skip
    if not label_smoothing and "exo" in losses:
        raise ConfigError(
            "`exo` compares with smoothed labels", at="objective.loss", hint="objective.label_smoothing=0.001"
        )
    if divergence != "reverse_kl" and not losses & _DIVERGING:
        raise ConfigError(
            f"`divergence` does nothing with {', '.join(sorted(losses))}",
            at="objective.divergence", hint="objective.loss=sigmoid",
        )  # fmt: skip


def _refuse_idle(losses: set[str], divergence: str, alpha: float, tau: float) -> None:
    """Settings of a divergence and of a loss that are not the chosen ones."""
    if alpha != 0.5 and divergence != "alpha":
        raise ConfigError(
            f"`alpha` does nothing with `divergence={divergence}`",
            at="objective.alpha", hint="objective.divergence=alpha",
        )  # fmt: skip
    if tau != 0.05 and "discopop" not in losses:
        raise ConfigError(
            f"`tau` does nothing with {', '.join(f'`{name}`' for name in sorted(losses))}",
            at="objective.tau", hint="objective.loss=discopop",
        )  # fmt: skip
