"""What is asked of a decoding engine, and what it gives back. No torch here: servers and forms read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    repetition penalty (1: none), temperature, `top_k` (0: all), `top_p`, `min_p`. The draw of a token depends on
    (`seed`, the answer's number, the token's place) alone, not on what else is answered. A stop string ends the answer
    and is not part of its text. `top_logprobs` asks for that many alternatives at each token.
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
    ("repetition_penalty", 0.01, 100, False),
    ("top_logprobs", 0, _INF, False),
)


def _range(low: float, high: float, is_open: bool) -> str:
    least = f"more than {low:g}" if is_open else f"at least {low:g}"
    return least if high == _INF else f"{least} and at most {high:g}"


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token. `logprob` and `top` (id, logprob) are of the model's own distribution, at temperature 1
    where its completion says nothing else."""

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
    """A whole answer. `tokens` include the one that ended it; `text` is without it and without a stop string.

    `logprobs_at` is the temperature at which the tokens' log-probabilities are, before filters; None where they are of
    what filters left. `stop` is the stop string that ended it, where one did and the engine told; `num_answer_tokens`
    what a server counted that tells no ids.
    """

    text: str
    tokens: tuple[Token, ...]
    finish: Finish
    num_prompt_tokens: int
    logprobs_at: float | None = 1.0
    stop: str | None = None
    num_answer_tokens: int | None = None

    @property
    def ids(self) -> list[int]:
        return [token.id for token in self.tokens]

    def logprobs(self, temperature: float) -> tuple[float, ...] | None:
        """Those of the draws at this temperature (0: of the model's own distribution), if the engine told them."""
        known = tuple(token.logprob for token in self.tokens if token.logprob is not None)
        return known if len(known) == len(self.tokens) and self.logprobs_at == (temperature or 1.0) else None


@dataclass(frozen=True, slots=True)
class Asked:
    """A conversation that is to go on: its number, its tokens so far, the most that come, and what its draws are of."""

    talk: int
    context: Sequence[int]
    room: int
    number: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What came: ids with the one that ended it, their log p at the temperature of the draws (without filters; None
    where that is not known), and how it ended."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    finish: Finish


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


class Talk(Protocol):
    """Conversations in the making with one engine. It may keep what it computed of them from turn to turn."""

    def turn(self, asked: Sequence[Asked], settings: GenerateSettings, at: Callable[[str], None] = ...) -> list[Turn]:
        """The next turn of each. `at` is told what comes next, and raises when nobody waits any more."""
        ...


class Talking(Engine, Protocol):
    """An engine that can go on with conversations without reading them anew."""

    def talk(self, settings: GenerateSettings) -> Talk | None:
        """Begin conversations; None where these settings, or this model, need whole prompts."""
        ...


class Synced(Engine, Protocol):
    """An engine with weights of its own, which it takes from a model in training.

    Where it `is_shared`, all ranks of a run ask one and the same, and the leader hands it the weights; without the
    attribute every rank has an engine of its own, which takes them there.
    """

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
