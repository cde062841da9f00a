"""Group relative policy optimisation and its relatives: one objective, told apart by its settings."""

from __future__ import annotations

from typing import Literal

from whet.base.catalogue import objective
from whet.base.errors import ConfigError
from whet.base.settings import Natural, NonNegative, Positive
from whet.contracts.objective import Objective


@objective(
    "grpo", takes=("prompt", "conversation", "completion", "preference", "labelled"), usual=True,
    rollouts=True,
)  # fmt: skip
def grpo(
    *,
    loss: Literal["clip", "cispo", "plain"] = "clip",
    ratio: Literal["token", "sequence"] = "token",
    clip_low: NonNegative = 0.2,
    clip_high: NonNegative | None = None,
    normalise: Literal["token", "sequence", "constant"] = "token",
    baseline: Literal["group", "leave_one_out", "batch", "none"] = "group",
    scale: Literal["group", "batch", "none"] = "group",
    kl: NonNegative = 0.0,
    kl_kind: Literal["k1", "k2", "k3"] = "k3",
    kl_in: Literal["loss", "reward"] = "loss",
    kl_weighted: bool = False,
    entropy: NonNegative = 0.0,
    correction: Literal["none", "token", "sequence"] = "token",
    correction_cap: Positive = 2.0,
    overlong: Natural = 0,
    overlong_penalty: NonNegative = 1.0,
    truncated: Literal["keep", "drop"] = "keep",
    reference: Literal["auto", "copy", "adapters"] = "auto",
) -> Objective:
    """Learn from rewards of the model's own answers: GRPO, DAPO, Dr. GRPO, GSPO, CISPO, RLOO, REINFORCE++.

    loss: clip the ratio where it gains (`clip`), its weight alone (`cispo`), or not at all (`plain`)
    ratio: to the policy before the update, of each token or of whole answers (GSPO)
    clip_low: how far below 1 a ratio counts
    clip_high: how far above 1 a ratio counts; as far as below by default
    normalise: by all tokens of the step (DAPO), each answer alike (GRPO), or by the most tokens possible (Dr. GRPO)
    baseline: what a reward is compared with: its group's mean, that of the others in it (RLOO), or the step's
    scale: divide by the spread of the group, of the step (REINFORCE++), or not (Dr. GRPO, RLOO)
    kl: weight of the divergence from a reference, the model as the run began; 0 needs none
    kl_kind: which estimate of it: k1, k2 or k3 of Schulman's
    kl_in: a term of the loss, or taken off the rewards (RLOO, REINFORCE++)
    kl_weighted: weigh the divergence by the ratio, which makes its gradient unbiased
    entropy: weight of a bonus for open predictions
    correction: weigh tokens, or answers, by training's probability over the sampler's, up to a cap
    correction_cap: the most that such a factor may be
    overlong: tokens before the limit over which a penalty grows (DAPO); 0: none
    overlong_penalty: the penalty at the limit
    truncated: whether answers that ran out of room are learned from
    reference: a frozen `copy`, or the model with `adapters` off
    """
    from whet.objectives.policy import Judgement, Policy, Surrogates

    _refuse_idle(kl=kl, kl_kind=kl_kind, kl_in=kl_in, kl_weighted=kl_weighted, reference=reference)
    if loss == "plain" and (clip_low != 0.2 or clip_high is not None):
        raise _idle("clip_low" if clip_low != 0.2 else "clip_high", "loss=plain", "objective.loss=clip")
    if correction == "none" and correction_cap != 2.0:
        raise _idle("correction_cap", "correction=none", "objective.correction=token")
    if not overlong and overlong_penalty != 1.0:
        raise _idle("overlong_penalty", "overlong=0", "objective.overlong=64")
    surrogates = Surrogates(
        loss, ratio, clip_low, clip_low if clip_high is None else clip_high, correction, correction_cap
    )
    judgement = Judgement(baseline, scale, overlong, overlong_penalty, truncated == "drop")
    return Policy(surrogates, judgement, normalise, kl, kl_kind, kl_in == "reward", kl_weighted, entropy, reference)


def _refuse_idle(*, kl: float, kl_kind: str, kl_in: str, kl_weighted: bool, reference: str) -> None:
    """Settings of the divergence where there is none."""
    changed = [n for n, v, d in (("kl_kind", kl_kind, "k3"), ("kl_in", kl_in, "loss")) if v != d]
    if kl_weighted and (not kl or kl_in == "reward"):
        raise _idle("kl_weighted", "kl_in=reward" if kl else "kl=0", "objective: {kl: 0.04, kl_in: loss}")
    changed += ["reference"] if reference != "auto" else []
    if not kl and changed:
        raise _idle(changed[0], "kl=0", "objective.kl=0.04")


def _idle(name: str, other: str, hint: str) -> ConfigError:
    return ConfigError(f"`{name}` does nothing with `{other}`", at=f"objective.{name}", hint=hint)
