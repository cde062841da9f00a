"""Policy gradients: answers weighted by their advantages, with ratios to the policy that sampled them."""

# P trained positions  N sequences  G prompts

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from whet.contracts.batch import Batch
from whet.contracts.example import sample_of
from whet.contracts.model import Models, Readout
from whet.contracts.objective import LossParts, Reference, Terms, Traits
from whet.contracts.rollouts import Credit, Outcome
from whet.objectives.advantages import Baseline, Scale, advantages, overlong
from whet.objectives.sequences import LOGPROBS, Replies

Ratio = Literal["token", "sequence"]
Surrogate = Literal["clip", "cispo", "plain"]
Normalise = Literal["token", "sequence", "constant"]
Divergence = Literal["k1", "k2", "k3"]
Correction = Literal["none", "token", "sequence"]
POLICY, KL, ENTROPY = "policy", "kl", "entropy"


@dataclass(frozen=True, slots=True)
class Surrogates:
    """The loss of each token: which ratio, how it is clipped, and how far it is corrected for the sampler.

    `low` and `high` are the clip's distances from 1. `cap` bounds the factor by which samples of another policy, or
    of an engine that computes otherwise, are weighed (truncated importance sampling, Yao et al. 2025).
    """

    kind: Surrogate = "clip"
    ratio: Ratio = "token"
    low: float = 0.2
    high: float = 0.2
    correction: Correction = "token"
    cap: float = 2.0

    def __call__(
        self, logp_P: Tensor, old_P: Tensor, behaviour_P: Tensor, advantage_P: Tensor, replies: Replies
    ) -> tuple[Tensor, Tensor]:
        """The loss of each token (P,), and which were clipped (P,) bool."""
        log_ratio_P = logp_P - old_P
        if self.ratio == "sequence":  # Zheng et al. 2025, equation 6
            log_ratio_P = (replies.sums(log_ratio_P) / replies.lengths_N.clamp(min=1e-9))[replies.owner_P]
        ratio_P = log_ratio_P.exp()
        bounded_P = ratio_P.clamp(1 - self.low, 1 + self.high)
        if self.kind == "clip":
            loss_P = -torch.minimum(ratio_P * advantage_P, bounded_P * advantage_P)
        elif self.kind == "cispo":
            loss_P = -bounded_P.detach() * advantage_P * logp_P
        else:
            loss_P = -ratio_P * advantage_P
        is_clipped_P = ((ratio_P < 1 - self.low) & (advantage_P < 0)) | ((ratio_P > 1 + self.high) & (advantage_P > 0))
        return loss_P * self.corrected(old_P - behaviour_P, replies), is_clipped_P

    def corrected(self, drift_P: Tensor, replies: Replies) -> Tensor:
        """The factor (P,) that makes up for the sampler, without gradient."""
        if self.correction == "none":
            return torch.ones_like(drift_P)
        if self.correction == "sequence":
            drift_P = replies.sums(drift_P)[replies.owner_P]
        return drift_P.exp().clamp(max=self.cap).detach()


@dataclass(frozen=True, slots=True)
class Judgement:
    """How rewards become advantages. `buffer` tokens before the limit are penalised up to `penalty` for length."""

    baseline: Baseline = "group"
    scale: Scale = "group"
    buffer: int = 0
    penalty: float = 1.0
    drops_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The surrogate summed over tokens, and a divergence from a reference beside it or taken off the rewards.

    `normalise`: `token` divides by the step's tokens (DAPO), `sequence` makes it a mean of means (GRPO), `constant`
    divides by sequences times the most tokens that one may have (Dr. GRPO). With `kl_weighted` the divergence is
    weighed by the ratio, whose gradient then makes that of the estimate unbiased (DeepSeek-AI 2025, equation 7).
    """

    surrogates: Surrogates
    judgement: Judgement
    normalise: Normalise
    kl: float = 0.0
    divergence: Divergence = "k3"
    kl_in_reward: bool = False
    kl_weighted: bool = False
    entropy: float = 0.0
    reference: Reference = "auto"
    temperature: float = 1.0
    max_new_tokens: int = 1

    @property
    def coefficients(self) -> Mapping[str, float]:
        kl = {KL: self.kl} if self.kl and not self.kl_in_reward else {}
        return {POLICY: 1.0, **kl, **({ENTROPY: -self.entropy} if self.entropy else {})}

    @property
    def traits(self) -> Traits:
        is_of_groups = self.judgement.baseline in ("group", "leave_one_out") or self.judgement.scale == "group"
        wants = {"reference", "old"} if self.kl_in_reward else {"reference"}
        example = partial(sample_of, fields={"advantage": 0.0}, values=("behaviour", "old", "reference"))
        return Traits(
            wants=frozenset(wants if self.kl else ()), completions=2 if is_of_groups else 1, example=example,
            reference=self.reference if self.kl else None,
        )  # fmt: skip

    def sampled(self, temperature: float, max_new_tokens: int) -> Policy:
        return replace(self, temperature=temperature, max_new_tokens=max_new_tokens)

    def credit(self, outcome: Outcome) -> Credit:
        rewards_GN, figures = outcome.rewards_GN, {}
        if self.judgement.buffer:
            shaped_GN = overlong(outcome.lengths_GN, self.max_new_tokens, self.judgement.buffer)
            rewards_GN = rewards_GN + self.judgement.penalty * shaped_GN
        if self.kl and self.kl_in_reward:
            kl_GN = _summed(outcome, self.divergence)
            rewards_GN, figures = rewards_GN - self.kl * kl_GN, {KL: float(kl_GN.sum() / outcome.lengths_GN.sum())}
        weight_GN = ~np.isnan(rewards_GN)
        if self.judgement.drops_truncated:
            weight_GN &= ~outcome.is_truncated_GN
        found_GN = advantages(rewards_GN, self.judgement.baseline, self.judgement.scale)
        fields = {"advantage": found_GN.astype(np.float32), "weight": weight_GN.astype(np.float32)}
        return Credit(fields, ((found_GN != 0) & weight_GN).any(1), figures=figures)

    def weights(self, batch: Batch) -> dict[str, float]:
        weight_N = batch.fields["weight"].double()
        if self.normalise == "token":
            weight_N = weight_N * Replies.of(batch).lengths_N.to(weight_N)
        total = float(weight_N.sum()) * (self.max_new_tokens if self.normalise == "constant" else 1)
        return dict.fromkeys(self.coefficients, total)

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        replies, values = Replies.of(batch), trained_values(batch)
        want = LOGPROBS | ({ENTROPY} if self.entropy else set())
        found = models.run(batch, frozenset(want), Readout(self.temperature))
        logp_P = found["logprobs"].double()
        old_P = values.get("old", logp_P.detach())
        behaviour_P = values.get("behaviour", old_P)
        advantage_P = batch.fields["advantage"].double()[replies.owner_P]
        loss_P, is_clipped_P = self.surrogates(logp_P, old_P, behaviour_P, advantage_P, replies)
        share_P = self.shares(replies, batch)
        sums = {POLICY: (loss_P * share_P).sum()}
        counts_P = replies.weights_P.double() * batch.fields["weight"].double()[replies.owner_P]
        shown = {"clipped": is_clipped_P.double(), **drifted(logp_P.detach(), old_P, behaviour_P)}
        if self.kl and not self.kl_in_reward:
            kl_P = divergence(logp_P, values["reference"], self.divergence)
            if self.kl_weighted:
                kl_P = kl_P * (logp_P - old_P).exp()
            sums[KL], shown[KL] = (kl_P * share_P).sum(), kl_P.detach()
        if self.entropy:
            sums[ENTROPY], shown[ENTROPY] = (found[ENTROPY].double() * share_P).sum(), found[ENTROPY].detach().double()
        return Terms(sums, means(shown, counts_P, is_told="behaviour" in values), LossParts("token", loss_P.detach()))

    def shares(self, replies: Replies, batch: Batch) -> Tensor:
        """What each token (P,) counts in a sum."""
        weight_N = batch.fields["weight"].double()
        if self.normalise == "sequence":
            weight_N = weight_N / replies.lengths_N.clamp(min=1e-9)
        return replies.weights_P.double() * weight_N[replies.owner_P]


def divergence(logp_P: Tensor, reference_P: Tensor, kind: Divergence) -> Tensor:
    """Estimates of the divergence from the reference, by samples of the policy (Schulman 2020)."""
    back_P = reference_P - logp_P
    if kind == "k1":
        return -back_P
    return back_P.square() / 2 if kind == "k2" else back_P.exp() - back_P - 1


def trained_values(batch: Batch) -> dict[str, Tensor]:
    """The further numbers of trained positions (P,), float64."""
    return {name: value_T[batch.text.trained_at].double() for name, value_T in batch.text.values.items()}


def drifted(logp_P: Tensor, old_P: Tensor, behaviour_P: Tensor) -> dict[str, Tensor]:
    """How far log p in training is from that of the sampler, and how far the policy has moved since."""
    return {"drift": (old_P - behaviour_P).abs(), "moved": (logp_P - old_P).abs()}


def means(shown: Mapping[str, Tensor], counts_P: Tensor, *, is_told: bool) -> dict[str, tuple[Tensor, Tensor]]:
    """Figures as sums and what they are divided by; no drift where the sampler told nothing to compare with."""
    total = counts_P.sum()
    found = {name: ((value_P * counts_P).sum(), total) for name, value_P in shown.items()}
    return found if is_told else {**found, "drift": (total * 0, total * 0)}


def _summed(outcome: Outcome, kind: Divergence) -> np.ndarray:
    """The divergence of each answer (G, N): over its tokens together."""
    pairs = zip(outcome.tokens["old"], outcome.tokens["reference"], strict=True)
    return np.array(
        [
            [
                float(divergence(torch.from_numpy(o).double(), torch.from_numpy(r).double(), kind).sum())
                for o, r in zip(*pair, strict=True)
            ]
            for pair in pairs
        ]
    )
