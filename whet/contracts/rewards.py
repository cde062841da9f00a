"""Rewards and trajectories: what is asked to grade completions, what comes back, and what a rollout hands on.

The seam between the rooms `rewards` and `generate` and the step source of reinforcement. No torch here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Message = Mapping[str, Any]
Score = float | None
# Is told what comes next, so that a watch knows what is waited for; raises when nobody waits any more.
Heard = Callable[[str], None]


class Reward(Protocol):
    """What the slot `reward` builds: a score of each completion of one prompt, higher for a better one.

    `prompt` are the messages that were answered (one user message where a row gave plain text), `completions` the
    texts, `row` the further columns of the data row (`answer`, ...). A score of None abstains: the reward has nothing
    to say, which is no failure. What it raises, and scores that are not finite, the grader counts as failures.
    The kind may declare `columns=("answer",)`: columns without which it can never score, so that the door can refuse.
    """

    def __call__(
        self, prompt: Sequence[Message], completions: Sequence[str], row: Mapping[str, Any]
    ) -> Sequence[Score]: ...


@dataclass(frozen=True, slots=True)
class Weighted:
    """A reward with its name in figures, its share of the total, and how long one call of it may take."""

    name: str
    reward: Reward
    weight: float = 1.0
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt and its completions, to be graded together."""

    prompt: Sequence[Message]
    completions: Sequence[str]
    row: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grades:
    """What the completions of one task got, in their order.

    `totals` are sums of weight x score over the rewards that gave one; None where none did, and where a reward with a
    weight failed: what is left of the sum would be another reward, and a judge's time-out a strong signal.
    `scores` holds each reward's own, by name, unweighted; None where it abstained or failed.
    """

    totals: tuple[Score, ...]
    scores: Mapping[str, tuple[Score, ...]]


@dataclass(frozen=True, slots=True)
class Grading:
    """Grades of every task, and how many completions each reward failed on: `failures[name][reason]`.

    A reason is short and has no varying parts (`timeout`, `ValueError`, `not finite`), so that it can be counted;
    `examples[name]` is one whole message of each reward that failed, for the user.
    """

    grades: tuple[Grades, ...]
    failures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)


class Grader(Protocol):
    """Grades tasks with several weighted rewards. `names` are theirs, in order. Never raises what a reward raised."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def grade(self, tasks: Sequence[Task]) -> Grading: ...


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One answer to a prompt as it was sampled: one turn, or several with tools between them.

    `ids` (T,) are the tokens after the prompt's `prompt_ids`, the end token included. `is_chosen` (T,) says which the
    model chose; those of tool answers and templates between turns it did not, and they are never trained. `logprobs`
    (T,) are of the distribution that each was drawn from, at the sampling temperature without filters, 0 where not
    chosen; None where the engine tells none. `text` is what rewards read: the last turn's text. `messages` are what
    came after the prompt. `finish` is how the last turn ended; `figures` (turns, calls) are shown as means. `failures`
    are the calls in which a tool failed: its name, a reason that can be counted, and the whole message.
    """

    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...]
    is_chosen: tuple[bool, ...]
    logprobs: tuple[float, ...] | None
    text: str
    finish: Literal["stop", "length"]
    messages: tuple[Message, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    failures: tuple[tuple[str, str, str], ...] = ()


def unheard(doing: str) -> None:
    """Nobody follows."""


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt that is to be answered (messages, text, or its tokens), and the number that its draws follow from."""

    prompt: Sequence[Message] | str | Sequence[int]
    number: int


def questions(
    prompts: Sequence[Sequence[Message] | str | Sequence[int]], numbers: Sequence[int] | None = None
) -> list[Question]:
    """Prompts with these numbers, or from 0 on."""
    given = range(len(prompts)) if numbers is None else numbers
    return [Question(prompt, number) for prompt, number in zip(prompts, given, strict=True)]


class Player(Protocol):
    """Answers prompts as often as asked: what a rollout is made with.

    A single turn is `whet.generate.groups`; conversations with tools are another one. Returns `num` trajectories of
    each prompt. The draws of a trajectory depend on (`seed`, the question's number, its own place from 0) alone, so
    that ranks that share the prompts draw as one process does.
    """

    def __call__(
        self, questions: Sequence[Question], num: int, *, seed: int, at: Heard = unheard
    ) -> list[list[Trajectory]]: ...


class Freezable(Player, Protocol):
    """A player that can answer later with the weights of now."""

    def frozen(self) -> Player: ...
