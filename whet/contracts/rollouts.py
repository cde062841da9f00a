"""What a rollout tells an objective, and what the objective makes of it before anything is learned."""

# G prompts  N answers to each

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from whet.contracts.objective import Telling

if TYPE_CHECKING:
    import numpy as np

# Numbers of the chosen tokens of each answer of each prompt.
PerToken = Sequence[Sequence["np.ndarray"]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A graded rollout.

    rewards_GN float64, not a number where nothing was graded; lengths_GN of the chosen tokens; is_truncated_GN whether
    an answer ran out of room. `tokens` are numbers of the chosen tokens: `behaviour` (log p when sampled), and what the
    objective's traits want: `old` (log p as training computes it, before the first update), `reference`, `value`.
    """

    rewards_GN: np.ndarray
    lengths_GN: np.ndarray
    is_truncated_GN: np.ndarray
    tokens: Mapping[str, PerToken] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credit:
    """What an objective learns of each answer.

    `fields` (G, N) become fields of the samples and `values` numbers of their chosen tokens. `kept` are the answers of
    each prompt that are learned from, in their order (all by default; none leaves the prompt out). has_signal_G says
    which prompts teach anything. `figures` are shown.
    """

    fields: Mapping[str, np.ndarray]
    has_signal_G: np.ndarray
    values: Mapping[str, PerToken] = field(default_factory=dict)
    kept: Sequence[Sequence[int]] | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


class Online(Telling, Protocol):
    """An objective that learns from what the model answers. The kind declares `rollouts=True`."""

    def sampled(self, temperature: float, max_new_tokens: int) -> Online:
        """The objective for answers that were drawn like this."""
        ...

    def credit(self, outcome: Outcome) -> Credit: ...
