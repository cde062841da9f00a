"""One answer in the making: when it ends, and the text that comes of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whet.base.errors import ModelError
from whet.generate.detokenize import Detokenizer, StopStrings
from whet.generate.protocol import Completion, Finish, GenerateSettings, Token


class Answer:
    """One answer in the making: its tokens, its text so far (none without a tokenizer), and whether it has ended.

    `is_apart` says that the context holds the answer alone: the prompt is read by an encoder, which has its own.
    """

    def __init__(
        self,
        tokenizer: Any,
        prompt: Sequence[int],
        settings: GenerateSettings,
        stops: frozenset[int],
        context: int | None,
        *,
        is_apart: bool = False,
    ) -> None:
        most = None if context is None else context - (not is_apart)
        if most is not None and len(prompt) > most:
            raise ModelError(
                f"the prompt has {len(prompt):,} tokens and the model's context is {context:,}",
                hint=f"shorten it to {most:,} tokens or fewer",
            )
        room = None if context is None else context - (1 if is_apart else len(prompt))
        self.limit = settings.max_new_tokens if room is None else min(settings.max_new_tokens, room)
        self.finish: Finish | None = None
        self._stops, self._num_prompt_tokens = stops, len(prompt)
        self._tokens: list[Token] = []
        self._text: list[str] = []
        self._temperature = settings.temperature
        self._detokenizer = None if tokenizer is None else Detokenizer(tokenizer, [] if is_apart else prompt)
        self._stop_strings = StopStrings(settings.stop)

    def push(self, token: Token) -> str:
        """Take the next token and return the text that is certain now. What comes after the end is ignored."""
        if self.finish is not None:
            return ""
        self._tokens.append(token)
        read = self._detokenizer
        text = "" if read is None or token.id in self._stops else self._stop_strings.push(read.push(token.id))
        if token.id in self._stops or self._stop_strings.found:
            self.finish = "stop"
        elif len(self._tokens) >= self.limit:
            self.finish = "length"
        if self.finish is not None and read is not None:
            text += self._stop_strings.push(read.flush()) + self._stop_strings.flush()
            self.finish = "stop" if self._stop_strings.found else self.finish
        self._text.append(text)
        return text

    def completion(self, is_of_draws: bool = False) -> Completion:
        """The whole answer; `is_of_draws` says what the log-probabilities of its tokens are of."""
        assert self.finish is not None
        return Completion(
            "".join(self._text), tuple(self._tokens), self.finish, self._num_prompt_tokens,
            self._temperature or 1.0 if is_of_draws else 1.0, self._stop_strings.found,
        )  # fmt: skip
