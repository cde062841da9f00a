"""Proximal policy optimisation with a value head."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import objective
from whet.base.errors import ConfigError
from whet.base.settings import Fraction, NonNegative, Positive
from whet.contracts.objective import Objective


@objective(
    "ppo", takes=("prompt", "conversation", "completion", "preference", "labelled"), rollouts=True,
)  # fmt: skip
def ppo(
    *,
    clip_low: NonNegative = 0.2,
    clip_high: NonNegative | None = None,
    value: Positive = 0.5,
    clip_value: NonNegative = 0.2,
    discount: Fraction = 1.0,
    smoothing: Fraction = 0.95,
    kl: NonNegative = 0.0,
    entropy: NonNegative = 0.0,
    whiten: bool = True,
    correction: Literal["none", "token", "sequence"] = "token",
    correction_cap: Positive = 2.0,
    reference: Literal["auto", "copy", "adapters"] = "auto",
) -> Objective:
    """Learn from rewards with a value head that says what to expect at each token (PPO).

    clip_low: how far below 1 a ratio counts
    clip_high: how far above 1 a ratio counts; as far as below by default
    value: weight of the value head's error
    clip_value: how far values move in a rollout before they count no more; 0: any way
    discount: weight of a reward a token later (gamma)
    smoothing: from one token's error alone (0) to all that follow (1): lambda of generalised advantages
    kl: weight of the log-ratio to a reference, the model as the run began, taken off the reward of each token
    entropy: weight of a bonus for open predictions
    whiten: bring the advantages of a rollout to mean 0 and spread 1
    correction: weigh tokens, or answers, by training's probability over the sampler's, up to a cap
    correction_cap: the most that such a factor may be
    reference: a frozen `copy`, or the model with `adapters` off
    """
    from whet.objectives.actor_critic import ActorCritic
    from whet.objectives.policy import Surrogates

    if not kl and reference != "auto":
        raise ConfigError("`reference` does nothing with `kl=0`", at="objective.reference", hint="objective.kl=0.05")
    if correction == "none" and correction_cap != 2.0:
        raise ConfigError(
            "`correction_cap` does nothing with `correction=none`", at="objective.correction_cap",
            hint="objective.correction=token",
        )  # fmt: skip
    high = clip_low if clip_high is None else clip_high
    surrogates = Surrogates("clip", "token", clip_low, high, correction, correction_cap)
    return ActorCritic(surrogates, value, clip_value, discount, smoothing, kl, entropy, whiten, reference)
