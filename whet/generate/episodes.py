"""Conversations with tools as a rollout: turns, calls, results, and which tokens the model itself wrote."""

# T tokens after the prompt

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from whet.base.errors import ModelError
from whet.base.seeds import derive
from whet.contracts.rewards import Heard, Message, Question, Trajectory, unheard
from whet.generate.protocol import Asked, Engine, GenerateSettings, Talk, Turn
from whet.generate.tool_calls import Exchange, Said
from whet.generate.tools import Observation, Tools


@dataclass(frozen=True, slots=True)
class Episodes:
    """Answers prompts in several turns (contract: `whet.contracts.rewards.Player`).

    After a turn that calls tools, what they gave comes back and the model goes on, up to `max_turns` turns and
    `timeout_s` seconds in all. `settings.max_new_tokens` are those of the whole trajectory, what is fed back included.
    `stops` are the ids that end a turn. What the model wrote is handed on as the ids that the engine gave, never
    tokenised again; log-probabilities are there where the engine tells them at the temperature of the draws. Prompts
    are messages, or their tokens with the tools shown. An engine that can go on with a conversation reads each token of
    it once, others the whole of it at every turn. `together` is the largest of the ranks' numbers where they must call
    the engine equally often.
    """

    engine: Engine
    tokenizer: Any
    toolbox: Tools
    settings: GenerateSettings
    stops: frozenset[int]
    max_turns: int = 8
    timeout_s: float = 600.0
    together: Callable[[int], int] = int

    def __call__(
        self, questions: Sequence[Question], num: int, *, seed: int, at: Heard = unheard
    ) -> list[list[Trajectory]]:
        exchange = Exchange(self.tokenizer, self.toolbox.schemas)
        deadline = time.monotonic() + self.timeout_s
        episodes = [
            _Episode(_rendered(exchange, one.prompt), (one.number, place), i * num + place)
            for i, one in enumerate(questions)
            for place in range(num)
        ]
        talk = self._begin()
        for turn in range(self.max_turns):
            active = [episode for episode in episodes if episode.finish is None]
            if not self.together(len(active)):
                break
            at(f"turn {turn + 1} of {self.max_turns} in {len(active)} conversations")
            self._turn(talk, active, exchange, seed, turn, at)
            calling = [episode for episode in active if episode.finish is None]
            at(f"the tools' answers in {len(calling)} conversations, after turn {turn + 1} of {self.max_turns}")
            self._call(calling, exchange, is_last=turn + 1 == self.max_turns or time.monotonic() > deadline)
        done = [self._trajectory(episode) for episode in episodes]
        return [done[i * num : (i + 1) * num] for i in range(len(questions))]

    def _begin(self) -> Talk:
        talk = getattr(self.engine, "talk", None)
        return (talk and talk(self.settings)) or _Whole(self.engine)

    def _turn(
        self, talk: Talk, active: Sequence[_Episode], exchange: Exchange, seed: int, turn: int, at: Heard
    ) -> None:
        """One turn of each conversation that goes on."""
        rooms = [self.settings.max_new_tokens - len(episode.ids) for episode in active]
        longest = self.together(max(rooms, default=1))  # a rank that is done goes on beside the others
        settings = replace(self.settings, max_new_tokens=longest, seed=seed, logprobs=True)
        asked = [
            Asked(episode.number, [*episode.prompt, *episode.ids], room, derive("turn", *episode.place, turn))
            for episode, room in zip(active, rooms, strict=True)
        ]
        said = talk.turn(asked, settings, lambda doing: at(f"{doing}, turn {turn + 1} of {self.max_turns}"))
        for episode, room, one in zip(active, rooms, said, strict=True):
            if len(one.ids) > room:  # asked together with others that have more
                one = Turn(one.ids[:room], one.logprobs and one.logprobs[:room], "length")
            episode.say(one, exchange, self._text(one))

    def _call(self, calling: Sequence[_Episode], exchange: Exchange, *, is_last: bool) -> None:
        """The answers of the tools that were called."""
        results = iter(self.toolbox.run([call for episode in calling for call in episode.calls]))
        ends = [self.tokenizer.convert_ids_to_tokens(token) for token in sorted(self.stops)]
        for episode in calling:
            observations = [next(results) for _ in episode.calls]
            episode.hear(observations, exchange, ends, self.settings.max_new_tokens, is_last=is_last)

    def _text(self, answer: Turn) -> str:
        """The turn with the special tokens that mark calls, without the one that ends it."""
        ids = answer.ids[:-1] if answer.ids and answer.ids[-1] in self.stops else answer.ids
        return self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _trajectory(self, episode: _Episode) -> Trajectory:
        logprobs = None if episode.logprobs is None else tuple(episode.logprobs)
        figures = {"turns": float(episode.turns), "tool_calls": float(episode.num_calls),
                   "tool_errors": float(episode.num_errors)}  # fmt: skip
        return Trajectory(
            episode.prompt, tuple(episode.ids), tuple(episode.is_chosen), logprobs, episode.text,
            episode.finish or "length", tuple(episode.messages), figures, tuple(episode.failures),
        )  # fmt: skip


@dataclass(slots=True)
class _Episode:
    """One conversation in the making."""

    prompt: tuple[int, ...]
    place: tuple[int, int]
    number: int
    ids: list[int] = field(default_factory=list)
    is_chosen: list[bool] = field(default_factory=list)
    logprobs: list[float] | None = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    calls: tuple[Any, ...] = ()
    text: str = ""
    finish: Literal["stop", "length"] | None = None
    turns: int = 0
    num_calls: int = 0
    num_errors: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    def say(self, answer: Turn, exchange: Exchange, text: str) -> None:
        """Take a turn of the model."""
        said: Said = exchange.read(text) if answer.finish == "stop" else Said(text, ())
        self.ids += answer.ids
        self.is_chosen += [True] * len(answer.ids)
        self.logprobs = None if answer.logprobs is None else self._with(answer.logprobs)
        self.messages.append(said.message())
        self.text, self.calls, self.turns = text, said.calls, self.turns + 1
        if not said.calls:
            self.finish = answer.finish

    def hear(
        self, results: Sequence[Observation], exchange: Exchange, ends: Sequence[str], room: int, *, is_last: bool
    ) -> None:
        """Take what the tools gave. Where nothing could follow, the conversation ends before it."""
        self.num_calls += len(results)
        self.num_errors += sum(result.is_error for result in results)
        self.failures += [
            (call.name, result.reason, result.text)
            for call, result in zip(self.calls, results, strict=True)
            if result.reason is not None
        ]
        fed = exchange.after(results, ends)
        if is_last or len(self.ids) + len(fed) >= room:
            self.finish = "length"
            return
        self.ids += fed
        self.is_chosen += [False] * len(fed)
        self.logprobs = self._with([0.0] * len(fed))
        self.messages += [
            {"role": "tool", "name": call.name, "tool_call_id": f"call{i:05d}", "content": result.text}
            for i, (call, result) in enumerate(zip(self.calls, results, strict=True))
        ]

    def _with(self, logprobs: Sequence[float]) -> list[float] | None:
        return None if self.logprobs is None else [*self.logprobs, *logprobs]


@dataclass(frozen=True, slots=True)
class _Whole:
    """Conversations with an engine that is asked with the whole of them at every turn."""

    engine: Engine

    def turn(self, asked: Sequence[Asked], settings: GenerateSettings, at: Heard = unheard) -> list[Turn]:
        answers = self.engine.complete([one.context for one in asked], settings, [one.number for one in asked])
        if any(not answer.tokens for answer in answers):
            raise ModelError(
                "the engine tells no token ids, so what the model wrote cannot be trained",
                hint="an engine in this process, or a server with `dialect: vllm`",
            )
        return [Turn(tuple(a.ids), a.logprobs(settings.temperature), a.finish) for a in answers]


def _rendered(exchange: Exchange, prompt: Sequence[Message] | str | Sequence[int]) -> tuple[int, ...]:
    """The prompt's tokens. Text is a message of the user: a conversation with tools has a template to follow."""
    if isinstance(prompt, str):
        return tuple(exchange.prompt([{"role": "user", "content": prompt}]))
    if prompt and isinstance(prompt[0], int):
        return tuple(prompt)  # type: ignore[arg-type]
    return tuple(exchange.prompt(prompt))  # type: ignore[arg-type]
