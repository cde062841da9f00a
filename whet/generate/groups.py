"""Groups: several answers to each prompt at once, the prompt computed once and its KV cache shared by all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from whet.base.seeds import derive
from whet.contracts.rewards import Heard, Question, Trajectory, unheard
from whet.generate.decode import BATCH_TOKENS
from whet.generate.prompts import prompt_ids, stop_ids
from whet.generate.protocol import Completion, GenerateSettings
from whet.generate.serving.offline import Offline
from whet.generate.serving.request import Request
from whet.generate.shadow_model import answering


@dataclass(frozen=True, slots=True)
class Groups:
    """Answers prompts with a live module (contract: `whet.contracts.rewards.Player`).

    At most `batch_tokens` tokens of cache at once, one answer's at least. What was read of prompts is of the weights of
    this call, and is forgotten after it. With FSDP every rank calls this with its own
    prompts, any number of them, and the module runs equally often on all ranks.
    """

    module: nn.Module
    tokenizer: Any
    settings: GenerateSettings
    batch_tokens: int = BATCH_TOKENS

    def __call__(
        self, questions: Sequence[Question], num: int, *, seed: int, at: Heard = unheard
    ) -> list[list[Trajectory]]:
        ids = [prompt_ids(self.tokenizer, one.prompt) for one in questions]
        settings = replace(self.settings, seed=seed)
        asked = [
            Request(ids=prompt, settings=settings, number=derive("sample", one.number, place), tells_draws=True)
            for prompt, one in zip(ids, questions, strict=True)
            for place in range(num)
        ]
        stops = stop_ids(self.module, self.tokenizer)
        with answering(self.module) as module:
            offline = Offline(module, self.batch_tokens, tells_draws=True)
            drawn = iter(offline.answers(asked, None, stops, at))
        return [[self._trajectory(prompt, next(drawn)) for _ in range(num)] for prompt in ids]

    def _trajectory(self, prompt: list[int], drawn: Completion) -> Trajectory:
        """Text is without the token that ended it; an answer that is not whole ran out of room."""
        ids = drawn.ids
        said = ids[:-1] if drawn.finish == "stop" else ids
        text = self.tokenizer.decode(said, skip_special_tokens=True)
        message = {"role": "assistant", "content": text}
        return Trajectory(
            tuple(prompt), tuple(ids), (True,) * len(ids), drawn.logprobs(self.settings.temperature), text,
            drawn.finish, (message,),
        )  # fmt: skip
