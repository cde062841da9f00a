"""Direct preference optimisation over the model's own answers, ranked by reward."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Lt

from whet.base.catalogue import objective
from whet.base.settings import NonNegative, Positive
from whet.contracts.objective import Objective


@objective(
    "online-dpo", takes=("prompt", "conversation", "completion", "preference", "labelled"), rollouts=True,
)  # fmt: skip
def online_dpo(
    *,
    beta: Positive = 0.1,
    loss: Literal["sigmoid", "hinge", "ipo"] = "sigmoid",
    label_smoothing: Annotated[float, Ge(0), Lt(0.5)] = 0.0,
    sft: NonNegative = 0.0,
    reference: Literal["auto", "copy", "adapters"] = "auto",
) -> Objective:
    """Prefer the best of the model's own answers to the worst, by reward, measured against a reference.

    beta: how strongly the policy is held to the reference
    loss: what the difference goes into
    label_smoothing: chance that a pair is the wrong way round (with `sigmoid`)
    sft: weight of the next-token loss of the better answers, a mean over their tokens
    reference: a frozen `copy`, or the model with `adapters` off
    """
    from whet.base.errors import ConfigError
    from whet.objectives.online_preference import OnlinePreference
    from whet.objectives.pair_losses import LOSSES, Shape
    from whet.objectives.preference import SFT, Preference

    if label_smoothing and loss != "sigmoid":
        raise ConfigError(
            f"`label_smoothing` does nothing with `{loss}`", at="objective.label_smoothing",
            hint="objective.loss=sigmoid",
        )  # fmt: skip
    coefficients = {loss: 1.0, **({SFT: sft} if sft else {})}
    return OnlinePreference(Preference({loss: LOSSES[loss]}, coefficients, Shape(beta, label_smoothing), reference))
