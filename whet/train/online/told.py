"""A rollout as people read it: prompts, answers side by side, what each reward said, and calls of tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whet.contracts.rollouts import Credit
from whet.data.render.prompts import Prompts
from whet.train.online.rollout_group import Answered

# Of a text so many letters are kept.
_LETTERS = 20_000


class Teller:
    """Finds the prompts that were answered by where they came from."""

    def __init__(self, prompts: Prompts) -> None:
        self._prompts = prompts
        self._numbers: dict[Any, int] = {}

    def told(self, answered: Sequence[Answered], credit: Credit, num: int) -> list[dict[str, Any]]:
        """The first `num` prompts with all their answers, as JSON values."""
        return [
            {
                "source": one.origin.source, "row": one.origin.row, "prompt": self._prompt(one),
                "answers": [_answer(one, credit.fields, group, index) for index in range(len(one.trajectories))],
            }
            for group, one in enumerate(answered[:num])
        ]  # fmt: skip

    def _prompt(self, one: Answered) -> list[dict[str, str]]:
        if not self._numbers:
            self._numbers = {self._prompts.asked(n).origin: n for n in range(len(self._prompts))}
        messages = self._prompts.asked(self._numbers[one.origin]).prompt.messages
        given = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        return [_message(message) for message in given]


def _answer(one: Answered, fields: Mapping[str, Any], group: int, index: int) -> dict[str, Any]:
    """Text, reward and each reward's own score (None: it abstained or failed), and what the objective made of them."""
    trajectory = one.trajectories[index]
    return {
        "text": trajectory.text[:_LETTERS], "reward": one.grades.totals[index],
        "scores": {name: scores[index] for name, scores in one.grades.scores.items()},
        "fields": {name: float(column[group][index]) for name, column in fields.items()},
        "tokens": len(trajectory.ids), "finish": trajectory.finish, "figures": dict(trajectory.figures),
        "messages": [_message(message) for message in trajectory.messages],
        "failures": [list(failure) for failure in trajectory.failures],
    }  # fmt: skip


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    calls = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
    text = content if isinstance(content, str) else "" if content is None else str(content)
    return {"role": str(message.get("role") or ""), "content": text[:_LETTERS], **calls}
