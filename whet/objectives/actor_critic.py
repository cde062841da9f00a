"""PPO: a policy that learns from advantages of each token, and a value head that learns what to expect."""

# P trained positions  N sequences  G prompts

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from whet.base.rounding import alike
from whet.contracts.batch import Batch
from whet.contracts.example import sample_of
from whet.contracts.model import Models, Readout
from whet.contracts.objective import LossParts, Reference, Terms, Traits
from whet.contracts.rollouts import Credit, Outcome
from whet.objectives.advantages import FLOOR, gae
from whet.objectives.policy import ENTROPY, KL, POLICY, Surrogates, drifted, means, trained_values
from whet.objectives.sequences import LOGPROBS, Replies

VALUE = "value"


@dataclass(frozen=True, slots=True)
class ActorCritic:
    """The clipped surrogate and the squared error of values, both a mean over the step's tokens (Schulman et al. 2017).

    An answer's reward comes at its last token, and `kl` times the log-ratio to the reference is taken off at each
    (Ouyang et al. 2022, equation 2). Values move by at most `clip_value` from what they were. With `whitens` the
    advantages of a rollout have mean 0 and spread 1.
    """

    surrogates: Surrogates
    value: float = 0.5
    clip_value: float = 0.2
    discount: float = 1.0
    smoothing: float = 0.95
    kl: float = 0.0
    entropy: float = 0.0
    whitens: bool = True
    reference: Reference = "auto"
    temperature: float = 1.0

    @property
    def coefficients(self) -> Mapping[str, float]:
        return {POLICY: 1.0, VALUE: self.value, **({ENTROPY: -self.entropy} if self.entropy else {})}

    @property
    def traits(self) -> Traits:
        example = partial(sample_of, values=("behaviour", "old", VALUE, "advantage", "return"))
        wants = frozenset({"old", "value", "reference"} if self.kl else {"old", "value"})
        return Traits(values=True, wants=wants, example=example, reference=self.reference if self.kl else None)

    def sampled(self, temperature: float, max_new_tokens: int) -> ActorCritic:
        return replace(self, temperature=temperature)

    def credit(self, outcome: Outcome) -> Credit:
        tokens = outcome.tokens
        found = [
            [self._credited(outcome.rewards_GN[g, n], g, n, tokens) for n in range(outcome.rewards_GN.shape[1])]
            for g in range(len(outcome.rewards_GN))
        ]
        weight_GN = ~np.isnan(outcome.rewards_GN)
        advantages = [[advantage for advantage, _ in group] for group in found]
        if self.whitens:
            advantages = _whitened(advantages, weight_GN)
        values = {"advantage": advantages, "return": [[returns for _, returns in group] for group in found]}
        figures = {}
        if self.kl:
            pairs = zip(tokens["old"], tokens["reference"], strict=True)
            moved = [(o - r).sum() for group in pairs for o, r in zip(*group, strict=True)]
            figures[KL] = float(np.sum(moved) / outcome.lengths_GN.sum())
        return Credit({"weight": weight_GN.astype(np.float32)}, weight_GN.any(1), values, figures=figures)

    def _credited(self, reward: float, g: int, n: int, tokens: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Advantages and returns of the tokens of one answer; zeros where nothing graded it."""
        values = tokens[VALUE][g][n]
        earned = np.zeros(len(values))
        if np.isnan(reward):
            return earned, values
        if self.kl:
            earned -= self.kl * (tokens["old"][g][n] - tokens["reference"][g][n])
        earned[-1:] += reward
        return gae(earned, values, self.discount, self.smoothing)

    def weights(self, batch: Batch) -> dict[str, float]:
        weight_N = batch.fields["weight"].double() * Replies.of(batch).lengths_N.to(batch.fields["weight"].device)
        return dict.fromkeys(self.coefficients, float(weight_N.sum()))

    def __call__(self, models: Models, batch: Batch, statistics: Mapping[str, Any]) -> Terms:
        replies, known = Replies.of(batch), trained_values(batch)
        want = LOGPROBS | {"values"} | ({ENTROPY} if self.entropy else set())
        found = models.run(batch, frozenset(want), Readout(self.temperature))
        logp_P, value_P = found["logprobs"].double(), found["values"].double()
        old_P = known["old"]
        behaviour_P = known.get("behaviour", old_P)
        loss_P, is_clipped_P = self.surrogates(logp_P, old_P, behaviour_P, known["advantage"], replies)
        share_P = replies.weights_P.double() * batch.fields["weight"].double()[replies.owner_P]
        error_P = self._error(value_P, known[VALUE], known["return"])
        sums = {POLICY: (loss_P * share_P).sum(), VALUE: (error_P * share_P).sum()}
        shown = {"clipped": is_clipped_P.double(), **drifted(logp_P.detach(), old_P, behaviour_P)}
        shown["expected"] = value_P.detach()
        if self.entropy:
            sums[ENTROPY], shown[ENTROPY] = (found[ENTROPY].double() * share_P).sum(), found[ENTROPY].detach().double()
        return Terms(sums, means(shown, share_P, is_told="behaviour" in known), LossParts("token", loss_P.detach()))

    def _error(self, value_P: Tensor, before_P: Tensor, return_P: Tensor) -> Tensor:
        """Half the squared error, the larger of that of the value and that of the value held near what it was."""
        error_P = (value_P - return_P).square()
        if self.clip_value:
            near_P = before_P + (value_P - before_P).clamp(-self.clip_value, self.clip_value)
            error_P = torch.maximum(error_P, (near_P - return_P).square())
        return error_P / 2


def _whitened(advantages: list[list[np.ndarray]], weight_GN: np.ndarray) -> list[list[np.ndarray]]:
    """Less their mean, over their spread, over all tokens of answers that count; 0 where they are all the same."""
    counted = [a for g, group in enumerate(advantages) for n, a in enumerate(group) if weight_GN[g, n]]
    every = np.concatenate(counted) if counted else np.zeros(1)
    if alike(every):
        return [[np.zeros_like(a) for a in group] for group in advantages]
    mean, spread = every.mean(), every.std(ddof=1)
    return [[(a - mean) / (spread + FLOOR) for a in group] for group in advantages]
