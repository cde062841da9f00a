"""Conversations with tools as a rollout: turns, calls, results, and which tokens the model itself wrote."""

# T tokens after the prompt

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from whet.base.errors import ModelError
from whet.base.seeds import derive
from whet.contracts.rewards import Message, Trajectory, unheard
from whet.generate.calls import Exchange, Said
from whet.generate.protocol import Completion, Engine, GenerateSettings
from whet.generate.tools import Observation, Toolbox


@dataclass(frozen=True, slots=True)
class Episodes:
    """Answers prompts in several turns (contract: `whet.contracts.rewards.Player`).

    After a turn that calls tools, what they gave comes back and the model goes on, up to `max_turns` turns and
    `timeout_s` seconds in all. `settings.max_new_tokens` are those of the whole trajectory, what is fed back included.
    `stops` are the ids that end a turn. What the model wrote is handed on as the ids that the engine gave, never
    tokenised again; log-probabilities are there where the engine tells them and the temperature is 1, at which it
    tells them. Prompts are messages, or their tokens with the tools shown. `together` is the largest of the ranks'
    numbers where they must call the engine equally often.
    """

    engine: Engine
    tokenizer: Any
    toolbox: Toolbox
    settings: GenerateSettings
    stops: frozenset[int]
    max_turns: int = 8
    timeout_s: float = 600.0
    together: Callable[[int], int] = int

    def __call__(
        self,
        prompts: Sequence[Sequence[Message] | str | Sequence[int]],
        rows: Sequence[Mapping[str, Any]],
        num: int,
        *,
        seed: int,
        numbers: Sequence[int],
        at: Callable[[str], None] = unheard,
    ) -> list[list[Trajectory]]:
        exchange = Exchange(self.tokenizer, self.toolbox.schemas)
        deadline = time.monotonic() + self.timeout_s
        episodes = [
            _Episode(_rendered(exchange, prompt), (number, place))
            for prompt, number in zip(prompts, numbers, strict=True)
            for place in range(num)
        ]
        for turn in range(self.max_turns):
            active = [episode for episode in episodes if episode.finish is None]
            if not self.together(len(active)):
                break
            at(f"turn {turn + 1} of {self.max_turns} in {len(active)} conversations")
            self._turn(active, exchange, seed, turn, is_last=turn + 1 == self.max_turns or time.monotonic() > deadline)
        done = [self._trajectory(episode) for episode in episodes]
        return [done[at * num : (at + 1) * num] for at in range(len(prompts))]

    def _turn(self, active: Sequence[_Episode], exchange: Exchange, seed: int, turn: int, *, is_last: bool) -> None:
        """One turn of each conversation that goes on, and the answers of the tools that were called."""
        rooms = [self.settings.max_new_tokens - len(episode.ids) for episode in active]
        longest = self.together(max(rooms, default=1))  # a rank that is done goes on beside the others
        settings = replace(self.settings, max_new_tokens=longest, seed=seed, logprobs=True)
        prompts = [[*episode.prompt, *episode.ids] for episode in active]
        places = [derive("turn", *episode.place, turn) for episode in active]
        answers = self.engine.complete(prompts, settings, places)
        for episode, room, answer in zip(active, rooms, answers, strict=True):
            if len(answer.tokens) > room:  # asked together with others that have more
                answer = replace(answer, tokens=answer.tokens[:room], finish="length")
            episode.say(answer, exchange, self._text(answer))
        calling = [episode for episode in active if episode.finish is None]
        results = iter(self.toolbox.run([call for episode in calling for call in episode.calls]))
        ends = [self.tokenizer.convert_ids_to_tokens(token) for token in sorted(self.stops)]
        for episode in calling:
            observations = [next(results) for _ in episode.calls]
            episode.hear(observations, exchange, ends, self.settings.max_new_tokens, is_last=is_last)

    def _text(self, answer: Completion) -> str:
        """The turn with the special tokens that mark calls, without the one that ends it."""
        ids = answer.ids[:-1] if answer.ids and answer.ids[-1] in self.stops else answer.ids
        return self.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _trajectory(self, episode: _Episode) -> Trajectory:
        tells = self.settings.temperature == 1 and None not in episode.logprobs
        logprobs = tuple(value or 0.0 for value in episode.logprobs) if tells else None
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
    ids: list[int] = field(default_factory=list)
    is_chosen: list[bool] = field(default_factory=list)
    logprobs: list[float | None] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    calls: tuple[Any, ...] = ()
    text: str = ""
    finish: Literal["stop", "length"] | None = None
    turns: int = 0
    num_calls: int = 0
    num_errors: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)

    def say(self, answer: Completion, exchange: Exchange, text: str) -> None:
        """Take a turn of the model."""
        if not answer.tokens:
            raise ModelError(
                "the engine tells no token ids, so what the model wrote cannot be trained",
                hint="an engine in this process, or a server with `dialect: vllm`",
            )
        said: Said = exchange.read(text) if answer.finish == "stop" else Said(text, ())
        self.ids += answer.ids
        self.is_chosen += [True] * len(answer.tokens)
        self.logprobs += [token.logprob for token in answer.tokens]
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
        self.logprobs += [0.0] * len(fed)
        self.messages += [
            {"role": "tool", "name": call.name, "tool_call_id": f"call{i:05d}", "content": result.text}
            for i, (call, result) in enumerate(zip(self.calls, results, strict=True))
        ]


def _rendered(exchange: Exchange, prompt: Sequence[Message] | str | Sequence[int]) -> tuple[int, ...]:
    """The prompt's tokens. Text is a message of the user: a conversation with tools has a template to follow."""
    if isinstance(prompt, str):
        return tuple(exchange.prompt([{"role": "user", "content": prompt}]))
    if prompt and isinstance(prompt[0], int):
        return tuple(prompt)  # type: ignore[arg-type]
    return tuple(exchange.prompt(prompt))  # type: ignore[arg-type]
