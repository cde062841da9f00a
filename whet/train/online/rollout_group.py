"""Answered: a prompt with its graded answers, and the samples that they become."""

# N answers  T tokens

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whet.base.rounding import alike
from whet.contracts.rewards import Grades, Trajectory
from whet.contracts.sample import Origin, Sample


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to prompt `number` of a round, with what they got."""

    number: int
    origin: Origin
    trajectories: Sequence[Trajectory]
    grades: Grades

    @property
    def rewards_N(self) -> np.ndarray:
        """Totals, float64; not a number where nothing graded an answer."""
        return np.array([np.nan if total is None else total for total in self.grades.totals], np.float64)

    @property
    def lengths_N(self) -> np.ndarray:
        return np.array([sum(t.is_chosen) for t in self.trajectories])

    @property
    def is_truncated_N(self) -> np.ndarray:
        return np.array([t.finish == "length" for t in self.trajectories])

    @property
    def behaviour(self) -> list[np.ndarray]:
        """Log p of the chosen tokens of each answer when they were drawn; not a number where the engine told none."""
        unknown = np.nan
        return [_chosen(t, [unknown] * len(t.ids) if t.logprobs is None else t.logprobs) for t in self.trajectories]

    @property
    def differs(self) -> bool:
        """Whether the answers got different rewards, so that a comparison teaches something."""
        return not alike(self.rewards_N)


def grouped(answered: Answered, kept: Sequence[int] | None = None) -> Sample:
    """The answers as one sample with a branch each behind the shared prompt.

    The prompt's last token stays with each branch: it predicts the answer's first token, and one position has one
    target.
    """
    trajectories = [answered.trajectories[i] for i in (range(len(answered.trajectories)) if kept is None else kept)]
    prompt = trajectories[0].prompt_ids
    ids, weights, cuts = list(prompt[:-1]), [0.0] * (len(prompt) - 1), []
    for t in trajectories:
        cuts.append(len(ids))
        ids += [prompt[-1], *t.ids]
        weights += [0.0, *map(float, t.is_chosen)]
    return Sample(np.array(ids, np.int32), np.array(weights, np.float32), {}, answered.origin, tuple(cuts))


def parts_of(sample: Sample, values: np.ndarray) -> list[np.ndarray]:
    """Numbers of a sample's trained tokens, for each of its branches."""
    counts = [int((sample.weights[at] > 0).sum()) for at in sample.branches]
    return np.split(values, np.cumsum(counts)[:-1])


def pieces(
    answered: Answered,
    kept: Sequence[int],
    fields: Mapping[str, np.ndarray],
    values: Mapping[str, Sequence[np.ndarray]],
    capacity: int | None,
) -> list[Sample]:
    """Samples of the `kept` answers with their fields (N,) and numbers of chosen tokens.

    A group of more than `capacity` tokens is cut into several, each with the prompt: advantages are known by now, so
    nothing holds answers together but the prompt that they share. None keeps them together.
    """
    found: list[list[int]] = []
    room = 0
    shared = len(answered.trajectories[0].prompt_ids) - 1
    for i in kept:
        length = len(answered.trajectories[i].ids) + 1
        if not found or (capacity is not None and length > room):
            found.append([])
            room = (capacity or 0) - shared
        found[-1].append(i)
        room -= length
    return [_sample(answered, piece, fields, values) for piece in found]


def _sample(
    answered: Answered, piece: Sequence[int], fields: Mapping[str, np.ndarray], values: Mapping[str, Any]
) -> Sample:
    sample = grouped(answered, piece)
    at = sample.weights > 0
    columns = {}
    for name, column in values.items():
        numbers = np.concatenate([column[i] for i in piece])
        if np.isnan(numbers).any():
            continue
        columns[name] = np.zeros(sample.num_tokens, np.float32)
        columns[name][at] = numbers
    own = {name: column[list(piece)] for name, column in fields.items()}
    own["prompt"] = np.full(len(piece), answered.number)
    return Sample(sample.ids, sample.weights, own, sample.origin, sample.cuts, values=columns)


def _chosen(trajectory: Trajectory, numbers: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.asarray(numbers, np.float64)[np.array(trajectory.is_chosen, bool)]
