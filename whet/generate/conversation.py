"""A conversation with a model: its history, its settings, and what fits into the context."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from whet.base.errors import ModelError
from whet.base.seeds import derive
from whet.generate.prompts import prompt_ids, render
from whet.generate.protocol import Engine, GenerateSettings, Message, Piece
from whet.generate.thinking import OPEN


class Conversation:
    """Turns between a user and a model. Without `uses_template` each text is continued by itself, without history.

    Turn number t draws from (`settings.seed`, t). `num_dropped` counts messages that the last turn had no room for.
    """

    def __init__(
        self,
        engine: Engine,
        tokenizer: Any,
        settings: GenerateSettings,
        *,
        context: int | None = None,
        uses_template: bool = True,
        system: str | None = None,
    ) -> None:
        self.settings, self.uses_template = settings, uses_template
        self.num_dropped = 0
        self.opens_thinking = False
        self._engine, self._tokenizer, self._context = engine, tokenizer, context
        self._turn = 0
        self.reset(system)

    def reset(self, system: str | None = None) -> None:
        """Forget everything; `system` stands before all that follows."""
        self.messages: list[Message] = [{"role": "system", "content": system}] if system else []

    def ask(self, text: str) -> Generator[Piece, None, None]:
        """The answer as it streams. What has come is kept in the history, also if the iterator is closed early.

        Raises ModelError, and keeps nothing of the turn, when the text alone is too long.
        """
        settings = replace(self.settings, seed=derive("turn", self.settings.seed, self._turn))
        self._turn += 1
        if not self.uses_template:
            yield from self._engine.stream(text, settings)
            return
        asked = [*self.messages, {"role": "user", "content": text}]
        kept, self.num_dropped = fitted(self._tokenizer, asked, self._room())
        self.opens_thinking = render(self._tokenizer, kept).rstrip().endswith(OPEN)
        parts: list[str] = []
        try:
            for piece in self._engine.stream(kept, settings):
                parts.append(piece.text)
                yield piece
        finally:
            self.messages = [*kept, {"role": "assistant", "content": "".join(parts)}]

    def _room(self) -> int | None:
        """Tokens that a prompt may have: the context less the answer, but never less than half of it."""
        if self._context is None:
            return None
        return self._context - min(self.settings.max_new_tokens, self._context // 2)


def fitted(tokenizer: Any, messages: Sequence[Message], room: int | None) -> tuple[list[Message], int]:
    """The messages without as many of the oldest turns as it takes to have at most `room` tokens, and how many went.

    A system message at the start and the last message always stay. Raises ModelError when these alone are too long.
    """
    head = list(messages[:1]) if messages[0].get("role") == "system" else []
    rest = list(messages[len(head) :])
    starts = [i for i, message in enumerate(rest) if message.get("role") == "user"]
    for start in starts:
        kept = head + rest[start:]
        length = len(prompt_ids(tokenizer, kept))
        if room is None or length <= room:
            return kept, start
    raise ModelError(
        f"the last message alone has {length:,} tokens with its template, and there is room for {room:,}",
        hint="shorten it, or ask for fewer new tokens",
    )
