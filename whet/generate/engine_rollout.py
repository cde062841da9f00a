"""Rollouts through any engine: several answers to each prompt, as trajectories of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from whet.base.seeds import derive
from whet.contracts.rewards import Heard, Question, Trajectory, unheard
from whet.generate.prompts import end_of_turn, prompt_ids
from whet.generate.protocol import Completion, Engine, GenerateSettings


@dataclass(frozen=True, slots=True)
class Playing:
    """Answers prompts with an engine that may be another process (contract: `whet.contracts.rewards.Player`).

    Where the engine tells no ids, the text is tokenised here, and its log-probabilities are unknown, as are those that
    it tells at another temperature than that of the draws: nothing can then make up for what the engine computes
    otherwise. Draws are the engine's own; they depend on how ranks share prompts.
    """

    engine: Engine
    tokenizer: Any
    settings: GenerateSettings

    def __call__(
        self, questions: Sequence[Question], num: int, *, seed: int, at: Heard = unheard
    ) -> list[list[Trajectory]]:
        ids = [prompt_ids(self.tokenizer, one.prompt) for one in questions]
        settings = replace(self.settings, seed=derive("play", seed, *(one.number for one in questions)), logprobs=True)
        at(f"the engine's answers to {len(ids)} prompts, {num} to each")
        said = self.engine.complete([prompt for prompt in ids for _ in range(num)], settings) if ids else []
        made = [self._trajectory(ids[i // num], answer) for i, answer in enumerate(said)]
        return [made[i * num : (i + 1) * num] for i in range(len(ids))]

    def _trajectory(self, prompt: list[int], said: Completion) -> Trajectory:
        ids, logprobs = list(said.ids), said.logprobs(self.settings.temperature)
        if not ids:
            ids, logprobs = self._tokenised(said), None
        return Trajectory(
            tuple(prompt), tuple(ids), (True,) * len(ids), logprobs, said.text, said.finish,
            ({"role": "assistant", "content": said.text},),
        )  # fmt: skip

    def _tokenised(self, said: Completion) -> list[int]:
        """The tokens of a text, and of its end where it ended by itself."""
        end = end_of_turn(self.tokenizer)
        end = self.tokenizer.eos_token_id if end is None else end
        ids = self.tokenizer.encode(said.text, add_special_tokens=False)
        return [*ids, end] if end is not None and (said.finish == "stop" or not ids) else ids
