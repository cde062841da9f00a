"""What is shown of a rollout: rewards, lengths, how many prompts teach something, and what failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from whet.base.rounding import alike
from whet.contracts.rollouts import Credit, Outcome
from whet.train.online.rollout_group import Answered


def figures_of(answered: Sequence[Answered], outcome: Outcome, credit: Credit, num_drawn: int) -> dict[str, float]:
    """Means over answers: `reward` and each reward's own, its spread, `length`, and shares of answers and prompts.

    `entropy` is of a token's prediction, and not a number where the engine tells no log-probabilities.
    """
    found = {
        **rewards_of(answered),
        "length": float(outcome.lengths_GN.mean()),
        "truncated": float(outcome.is_truncated_GN.mean()),
        "no_signal": float(1 - credit.has_signal_G.mean()),
        "entropy": _entropy(outcome),
    }
    extra = [t.figures for a in answered for t in a.trajectories if t.figures]
    for name in extra[0] if extra else ():
        found[name] = float(np.mean([figures[name] for figures in extra if name in figures]))
    if num_drawn > len(answered):
        found["drawn"] = float(num_drawn)
    return found


def rewards_of(answered: Sequence[Answered]) -> dict[str, float]:
    """The mean total, its spread, each reward's own mean where there are several, and the share that none graded.

    Means are not a number where nothing was graded.
    """
    totals = np.concatenate([a.rewards_N for a in answered])
    graded = totals[np.isfinite(totals)]
    found = {
        "reward": float(graded.mean()) if len(graded) else float("nan"),
        "reward_std": float(graded.std()) if len(graded) else float("nan"),
        "ungraded": float(1 - len(graded) / len(totals)),
    }
    names = answered[0].grades.scores
    for name in names if len(names) > 1 else ():
        scores = [s for a in answered for s in a.grades.scores[name] if s is not None]
        found[f"reward/{name}"] = float(np.mean(scores)) if scores else float("nan")
    return found


def why_flat(answered: Sequence[Answered], credit: Credit) -> str:
    """Why nothing can be learned from these answers."""
    rewards = np.concatenate([a.rewards_N for a in answered])
    if not credit.fields["weight"].any():
        return (
            f"none of {len(rewards)} answers counts; {np.mean([a.is_truncated_N for a in answered]):.0%} are truncated"
        )
    if alike(rewards):
        return f"all {len(rewards)} answers got {np.nanmean(rewards):.4g}"
    return f"within each of {len(answered)} prompts all answers got the same"


def _entropy(outcome: Outcome) -> float:
    """Entropy of a prediction in nats, estimated without bias: minus the mean log p of what was drawn."""
    drawn = np.concatenate([tokens for group in outcome.tokens["behaviour"] for tokens in group])
    return float(-np.mean(drawn))


class Failures:
    """Counts what `kind` of thing (a reward, a tool) failed on `unit`s, and says so: what is new since it was last."""

    def __init__(self, kind: str = "reward", unit: str = "answers") -> None:
        self._kind, self._unit = kind, unit
        self._new: Counter[tuple[str, str]] = Counter()
        self._examples: dict[str, str] = {}

    def add(self, failures: Mapping[str, Mapping[str, int]], examples: Mapping[str, str]) -> None:
        for name, reasons in failures.items():
            for reason, count in reasons.items():
                self._new[name, reason] += count
        self._examples.update(examples)

    def of_tools(self, answered: Sequence[Answered]) -> None:
        """Add the calls of tools that failed."""
        for name, reason, message in (failure for a in answered for t in a.trajectories for failure in t.failures):
            self.add({name: {reason: 1}}, {name: message})

    def take(self) -> list[str]:
        """A sentence for each name and reason since the last call."""
        said = [
            f"the {self._kind} `{name}` failed on {count:,} {self._unit} ({reason}): "
            f"{self._examples.get(name, '')[:300]}"
            for (name, reason), count in self._new.items()
        ]
        self._new.clear()
        return said

    def summary(self) -> str:
        """All that failed, in one line."""
        return "; ".join(self.take()) or f"every {self._kind} abstained"
