"""What is asked of a decoding engine, and what it gives back. No torch here: servers and forms read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from whet.base.errors import ConfigError

Message = Mapping[str, Any]
# Text to continue, messages to answer, or token ids to continue as they are.
Prompt = str | Sequence[Message] | Sequence[int]
Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateSettings:
    """How tokens are chosen and when an answer ends.

    `temperature` 0 takes the most likely token. Above it a token is drawn after the filters, in this order:
    repetition penalty (1: none), temperature, `top_k` (0: all), `top_p`, `min_p`. The draws of prompt number i depend
    on (`seed`, i) alone, not on what else is in the batch. A stop string ends the answer and is not part of its text.
    `top_logprobs` asks for that many alternatives at each token.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0
    logprobs: bool = False
    top_logprobs: int = 0

    def __post_init__(self) -> None:
        for name, low, high, is_open in _BOUNDS:
            value = getattr(self, name)
            if not (low <= value <= high) or (is_open and value == low):
                raise ConfigError(f"`{name}` is {value}", hint=f"give {_range(low, high, is_open)}")
        if isinstance(self.stop, str) or not all(isinstance(text, str) and text for text in self.stop):
            raise ConfigError(f"`stop` is {self.stop!r}", hint="give a list of texts, none of them empty")


_INF = float("inf")
# name, lowest, highest, whether the lowest itself is too low
_BOUNDS = (
    ("max_new_tokens", 1, _INF, False),
    ("temperature", 0, _INF, False),
    ("top_k", 0, _INF, False),
    ("top_p", 0, 1, True),
    ("min_p", 0, 1, False),
    ("repetition_penalty", 0, _INF, True),
    ("top_logprobs", 0, _INF, False),
)


def _range(low: float, high: float, is_open: bool) -> str:
    least = f"more than {low:g}" if is_open else f"at least {low:g}"
    return least if high == _INF else f"{least} and at most {high:g}"


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token. `logprob` and `top` (id, logprob) are of the model's own distribution, at temperature 1."""

    id: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of an answer as it streams: whole characters, the token behind them, and at the end why it ended."""

    text: str
    token: Token | None = None
    finish: Finish | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. `tokens` include the one that ended it; `text` is without it and without a stop string."""

    text: str
    tokens: tuple[Token, ...]
    finish: Finish
    num_prompt_tokens: int

    @property
    def ids(self) -> list[int]:
        return [token.id for token in self.tokens]


class Engine(Protocol):
    """Anything that continues prompts: our own decoder, a server, a rival's engine."""

    def complete(
        self, prompts: Sequence[Prompt], settings: GenerateSettings, numbers: Sequence[int] | None = None
    ) -> list[Completion]:
        """One answer a prompt, in their order. `numbers` stand for the prompts in their draws; places by default."""
        ...

    def stream(self, prompt: Prompt, settings: GenerateSettings) -> Iterator[Piece]:
        """The answer to one prompt as it grows. Closing the iterator stops it."""
        ...


class Synced(Engine, Protocol):
    """An engine with weights of its own, which it takes from a model in training."""

    def sync(self, tensors: Iterator[tuple[str, Any]]) -> None:
        """Take the weights, named as transformers saves them. Answers asked for from here on are of these."""
        ...


def recommended(generation_config: Any) -> dict[str, Any]:
    """The sampling settings that a model's authors wrote into its generation config; empty if they sample not."""
    if generation_config is None:
        return {}
    names = ["repetition_penalty"]
    if getattr(generation_config, "do_sample", False):
        names += ["temperature", "top_k", "top_p", "min_p"]
    values = {name: getattr(generation_config, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}
