"""Entry: one request that is being answered, its tokens, how far they are read, and the text that comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from torch import Tensor

from whet.generate.answer import Answer
from whet.generate.protocol import Piece, Token
from whet.generate.serving.choosing import Draws, described
from whet.generate.serving.guesses import Guesses
from whet.generate.serving.request import Handle
from whet.models.decoding.sequences import LEAST_SHARED, Beginning, Part, alike

# Of a prompt whose own tokens are told so many are read at once: their logits lie in memory.
_TOLD_TOKENS = 64


class Trial(IntEnum):
    """How one is let in that was in a step that failed."""

    NONE = 0
    # Nobody else is on trial beside it, until it has got a token more.
    ONE = 1
    # With nobody beside it, to its end.
    ALONE = 2


class Entry:
    """An answer in the making. `num_read` of its tokens are in the cache, by the key `serial`."""

    def __init__(
        self, handle: Handle, tokenizer: Any, stops: frozenset[int], context: int | None, start: int | None = None
    ) -> None:
        """`tokenizer` None makes no text. `start` is what the answer of an encoder-decoder begins with, which reads
        what was asked."""
        request = handle.request
        self.handle, self.adapter = handle, request.adapter
        self.answer = Answer(tokenizer, request.ids, request.settings, stops, context, is_apart=start is not None)
        self.draws = Draws(request, None if start is None else [start])
        self.ids = list(request.ids)
        self.num_read, self.serial, self.waits, self._has_begun = 0, 0, False, False
        self.trial, self._has_failed = Trial.NONE, False
        self._num_prompt, self._tells = len(self.ids), request.tells_prompt
        self._prompt: list[Token] = [Token(self.ids[0])] if self._tells else []
        self._guesses: Guesses | None = None
        self._num_sure, self._length = 0, 2

    @property
    def num_unread(self) -> int:
        """Tokens to be read before the next one can be chosen."""
        return len(self.ids) - self.num_read

    @property
    def num_sure(self) -> int:
        """How many of its tokens were in the cache when the last part was read, without guesses."""
        return self._num_sure

    @property
    def has_ended(self) -> bool:
        """Whether it gets no more tokens."""
        return self._has_failed or self.answer.finish is not None

    @property
    def beginning(self) -> Beginning:
        """As a cache is told of it."""
        return Beginning(self.ids, self.adapter, not self._tells, self._num_prompt + self.answer.limit)

    def begin(self, num_known: int) -> None:
        """So many of its tokens are in the cache already."""
        self.num_read, self.waits = num_known, False
        if not self._has_begun:  # what it reads again after it had to wait it knows from itself
            self.handle.num_cached = num_known

    def is_behind(self, other: Entry) -> bool:
        """Whether it has read nothing yet of a beginning that it shares with another one, who is reading that."""
        if self.num_read or self._tells or self.adapter != other.adapter:
            return False
        return max(LEAST_SHARED, other.num_read + 1) <= alike(self.ids, other.ids, len(self.ids) - 1)

    def fail(self, error: BaseException) -> None:
        """End it, and tell why."""
        self._has_failed = True
        self.handle.tell(error)

    def part(self, most: int | None) -> Part:
        """What is read next, `most` tokens of it (None: all)."""
        if self._tells and most is not None:
            most = min(most, _TOLD_TOKENS)
        end = len(self.ids) if most is None else min(len(self.ids), self.num_read + most)
        ids = self.ids[self.num_read : end]
        told = len(ids) if self._tells else int(end == len(self.ids))
        return Part(self.serial, self.num_read, ids, told, self.adapter)

    def num_guesses(self, most: int) -> int:
        """How many tokens a draft is asked for, at most so many: by how many were right."""
        return max(0, min(most, self._length, self._num_to_come)) if not self._tells else 0

    @property
    def _num_to_come(self) -> int:
        """How many tokens more there may be behind the next one."""
        return self.answer.limit - (len(self.ids) - self._num_prompt) - 1

    def drafted(self, guesses: Sequence[int]) -> Part:
        """The last token, and behind it these guesses: what comes behind each of them is told."""
        ids = [self.ids[-1], *guesses]
        return Part(self.serial, self.num_read, ids, len(ids), self.adapter) if guesses else self.part(1)

    def guessed(self, most: int) -> Part:
        """The last token, and behind it at most so many guesses of what stood in the text before."""
        left = self._num_to_come
        if self._tells or min(most, left) < 1:
            return self.part(1)
        if self._guesses is None:
            self._guesses = Guesses(self.ids)
        return self.drafted(self._guesses.next(min(most, left)))

    def heard(self, num_guessed: int, num_right: int) -> None:
        """How many of the guesses of a part were right."""
        if self._guesses is not None:
            self._guesses.heard(num_guessed, num_right)
        elif num_guessed:
            self._length = 2 * num_guessed if num_right == num_guessed else num_right + 1

    def read(self, part: Part, logits_PV: Tensor) -> Tensor | None:
        """Note that a part was read, without its guesses. The logits (N, V) of the next token and of those behind each
        guess, where the next one is to be chosen."""
        if self._tells:
            after = self.ids[part.start + 1 : min(part.end + 1, self._num_prompt)]
            if after:
                self._prompt += described(logits_PV[: len(after)], after, self.draws.settings.top_logprobs)
        self.num_read = self._num_sure = min(part.end, len(self.ids))
        self._has_begun = True
        return logits_PV[self.num_read - part.end - 1 :] if self.num_read == len(self.ids) else None

    def push(self, token: Token) -> None:
        """Take the next token, and tell whoever asked."""
        if self._tells:
            self.handle.prompt, self._tells = tuple(self._prompt), False
        self.ids.append(token.id)
        if self._guesses is not None:
            self._guesses.add(token.id)
        text = self.answer.push(token)
        if self.answer.finish is not None:
            self.handle.completion = self.answer.completion(self.handle.request.tells_draws)
        self.handle.tell(Piece(text, token, self.answer.finish))
        if self.trial is Trial.ONE:
            self.trial = Trial.NONE

    def forget(self) -> None:
        """Read everything anew: what it held is given to another one, or lost in a step that failed."""
        self.num_read = 0
        self.draws.back_to(self.ids[self._num_prompt :])
        if self._tells:
            self._prompt = self._prompt[:1]
