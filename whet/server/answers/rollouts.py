"""Rollouts: prompts, answers side by side, what each reward said, calls of tools."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from whet.base.stated import Stated
from whet.server.answers.values import Number


class RolloutMessage(Stated):
    """A turn of a conversation."""

    model_config = ConfigDict(extra="allow")

    role: str
    content: str
    tool_calls: list[Any] | None = None


class RolloutAnswer(Stated):
    """An answer: its reward in all and of each reward (None: it abstained or failed), and what was learned of it.

    `messages` are the turns after the prompt, where tools were called; `failures` are tools that failed: name, reason,
    message. `fields` are the objective's, such as `advantage`.
    """

    text: str
    reward: Number | None
    scores: dict[str, Number | None]
    fields: dict[str, Number]
    tokens: int
    finish: str
    figures: dict[str, Number]
    messages: list[RolloutMessage]
    failures: list[list[str]]


class RolloutEntry(Stated):
    """A prompt with its answers, which were learned from at `step` on."""

    step: int
    time: float
    source: str
    row: int
    prompt: list[RolloutMessage]
    answers: list[RolloutAnswer]


class RolloutsPage(Stated):
    """Rollouts by step, of `total`; `steps` are those that have any."""

    rollouts: list[RolloutEntry]
    steps: list[int]
    total: int
