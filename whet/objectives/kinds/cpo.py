"""Contrastive preference optimisation: DPO's loss without a reference, beside imitation."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Lt

from whet.base.catalogue import objective
from whet.base.settings import NonNegative, Positive
from whet.contracts.objective import Objective


@objective("cpo", takes=("preference",))
def cpo(
    *,
    beta: Positive = 0.1,
    loss: Literal["sigmoid", "hinge", "ipo"] = "sigmoid",
    label_smoothing: Annotated[float, Ge(0), Lt(0.5)] = 0.0,
    sft: NonNegative = 1.0,
) -> Objective:
    """Prefer chosen replies with a uniform reference, and imitate them (Xu et al. 2024).

    beta: scale of the difference
    loss: what the difference goes into
    label_smoothing: chance that a pair is the wrong way round (with `sigmoid`)
    sft: weight of the next-token loss of chosen replies, a mean over their tokens
    """
    from whet.base.errors import ConfigError
    from whet.objectives.pair_losses import LOSSES, Shape
    from whet.objectives.preference import SFT, Preference

    if label_smoothing and loss != "sigmoid":
        raise ConfigError(
            f"`label_smoothing` does nothing with `{loss}`", at="objective.label_smoothing",
            hint="objective.loss=sigmoid",
        )  # fmt: skip
    coefficients = {loss: 1.0, **({SFT: sft} if sft else {})}
    return Preference({loss: LOSSES[loss]}, coefficients, Shape(beta, label_smoothing), reference=None)
