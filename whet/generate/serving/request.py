"""What is asked of an engine that answers many at once, and what whoever asks holds meanwhile. No torch here."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from whet.base.errors import WhetError
from whet.generate.protocol import Completion, GenerateSettings, Piece, Token

if TYPE_CHECKING:
    from torch import Tensor

    # Changes the logits (V,) of a token by the ids that the answer has so far.
    LogitsProcessor = Callable[[Tensor, Sequence[int]], Tensor]

# What whoever asked is told: a part of the answer, why there is none, or None where it was cancelled.
Told = Piece | BaseException | None


class Busy(WhetError):
    """So many requests wait already that another one is not taken."""


class Lost(WhetError):
    """A process that has a part of the model has gone: nothing is answered any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Token ids to go on from.

    `number` is the sample's in its draws, as places are in `Engine.complete`. `adapter` names weights beside the
    base model's. `tells_prompt` asks for the log-probabilities of the prompt's own tokens, and `top_logprobs` of the
    settings for alternatives to them too. `tells_draws` asks for the log-probabilities of the answer's tokens at the
    temperature of the draws, without filters, in place of the model's own. `processors` change a token's logits before
    all else.
    """

    ids: Sequence[int]
    settings: GenerateSettings
    number: int = 0
    adapter: str | None = None
    tells_prompt: bool = False
    tells_draws: bool = False
    processors: tuple[LogitsProcessor, ...] = ()


class Handle:
    """One request in the engine. Any thread may read or cancel it.

    `prompt` is complete when the first piece comes: the prompt's tokens, where they were asked for, the first without a
    log-probability. `num_cached` of the prompt's tokens were known from other requests. `admitted_ns` is the Unix time
    at which it was first let in, 0 before.
    """

    def __init__(self, request: Request, tell: Callable[[Told], None] | None = None) -> None:
        """`tell` is called by the engine's thread with each part, instead of keeping them for `pieces`."""
        self.request = request
        self.is_cancelled = False
        self.prompt: tuple[Token, ...] = ()
        self.num_cached = self.admitted_ns = 0
        self.completion: Completion | None = None
        self._kept: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self.tell = self._kept.put if tell is None else tell

    def cancel(self) -> None:
        """Stop the answer before its next token, or take it out of those that wait. Safe to call again."""
        self.is_cancelled = True

    def pieces(self) -> Iterator[Piece]:
        """The answer as it comes. Raises what the engine failed with; ends early where it was cancelled."""
        while True:
            told = self._kept.get()
            if told is None:
                return
            if isinstance(told, BaseException):
                raise told
            yield told
            if told.finish is not None:
                return


class Submitting(Protocol):
    """An engine that takes requests at any time."""

    def submit(self, request: Request, tell: Callable[[Told], None] | None = None) -> Handle:
        """Begin to answer. Raises Busy, or ModelError for a prompt that does not fit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much an engine does at once.

    At most `sequences` answers, and as many more `waiting`. A step reads at most `step_tokens` of prompts, so that who
    reads an answer never waits for a long prompt of another one. `cache_tokens` is the room of all sequences together
    (0: a quarter of the memory that is free), each counted with the blocks of `block_tokens` that it fills, or, where
    they go on in rows, with the length of the longest; where it is too little, the newest one waits and is read again.
    `guesses` are tokens that a step may read ahead of an answer (`guesses.py`). On a CPU large products are made on so
    many `threads`, where these are more than those of all else.
    """

    sequences: int = 64
    waiting: int = 1024
    step_tokens: int = 256
    cache_tokens: int = 0
    guesses: int = 0
    block_tokens: int = 32
    threads: int = 0


class Adapters(Protocol):
    """Weights beside those of a base model: one or none in use, or, where they are `is_shared`, each for its tokens."""

    @property
    def is_shared(self) -> bool:
        """Whether tokens of several may go in one forward."""
        ...

    def deal(self, places: Mapping[str, Tensor]) -> None:
        """Let the next forward's tokens at these places, by the name of an adapter, be with it, and all others with
        none."""
        ...

    def use(self, name: str | None) -> None:
        """Let the next forwards be with these."""
        ...


class NoAdapters:
    """A model as it is."""

    is_shared = True

    def deal(self, places: Mapping[str, Tensor]) -> None:
        assert not places, places

    def use(self, name: str | None) -> None:
        assert name is None, name
