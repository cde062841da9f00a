"""Groups: several answers to each prompt at once, the prompt computed once and its KV cache shared out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from whet.base.errors import ModelError
from whet.contracts.rewards import Message, Trajectory, unheard
from whet.generate.decode import BATCH_TOKENS, context_length
from whet.generate.eval_mode import Lockstep
from whet.generate.prompts import prompt_ids, stop_ids
from whet.generate.protocol import GenerateSettings
from whet.generate.rows import Drawn, Rows, Start
from whet.generate.sampling import uniforms
from whet.generate.shadow_model import answering
from whet.models.decoding.manner import Manner
from whet.models.decoding.proof import decoding_of


@dataclass(frozen=True, slots=True)
class Groups:
    """Answers prompts with a live module (contract: `whet.contracts.rewards.Player`).

    At most `batch_tokens` tokens of cache at once, one group at least. With FSDP every rank calls this with its own
    prompts, any number of them, and the module runs equally often on all ranks.
    """

    module: nn.Module
    tokenizer: Any
    settings: GenerateSettings
    batch_tokens: int = BATCH_TOKENS

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
        ids = [prompt_ids(self.tokenizer, prompt) for prompt in prompts]
        context = context_length(self.module)
        for prompt in ids:
            if context is not None and len(prompt) >= context:
                raise ModelError(
                    f"a prompt has {len(prompt):,} tokens and the model's context is {context:,}",
                    hint="shorter prompts, or a model with a longer context",
                )
        settings = replace(self.settings, seed=seed)
        stops = torch.tensor(sorted(stop_ids(self.module, self.tokenizer)))
        found: list[list[Trajectory]] = [[] for _ in ids]
        together = Lockstep(self.module)
        manner = decoding_of(self.module)
        batches = self._batches([len(prompt) for prompt in ids], num, manner)
        with answering(self.module) as module:
            for index in range(together.most(len(batches))):
                chosen = batches[index] if index < len(batches) else []
                starts = [_start(ids[i], numbers[i], places, settings, context) for i, places in chosen]
                drawn = iter(Rows(module, starts, settings, stops, context).run(together, at))
                for i, places in chosen:
                    found[i] += [self._trajectory(ids[i], next(drawn)) for _ in places]
        return found

    def _batches(self, lengths: Sequence[int], num: int, manner: Manner) -> list[list[tuple[int, range]]]:
        """Numbers of the prompts that are answered together, the longest first, so that little is padding; with those
        of their answers, which are all but where every answer needs a batch of its own."""
        batches: list[list[tuple[int, range]]] = []
        parts = [range(num)] if manner.rows != "single" else [range(place, place + 1) for place in range(num)]
        room = self.settings.max_new_tokens
        for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
            first = lengths[batches[-1][0][0]] if batches else 0
            has_room = bool(batches) and (first + room) * num * (len(batches[-1]) + 1) <= self.batch_tokens
            if has_room and manner.joins(first, lengths[i], room):
                batches[-1].append((i, parts[0]))
            else:
                batches += [[(i, part)] for part in parts]
        return batches

    def _trajectory(self, prompt: list[int], drawn: Drawn) -> Trajectory:
        """Text is without the token that ended it; an answer that is not whole ran out of room."""
        said = drawn.ids[:-1] if drawn.is_whole else drawn.ids
        text = self.tokenizer.decode(said, skip_special_tokens=True)
        message = {"role": "assistant", "content": text}
        return Trajectory(
            tuple(prompt), tuple(drawn.ids), (True,) * len(drawn.ids), tuple(drawn.logprobs), text,
            "stop" if drawn.is_whole else "length", (message,),
        )  # fmt: skip


def _start(ids: list[int], number: int, places: range, settings: GenerateSettings, context: int | None) -> Start:
    """A prompt with the draws of some of its answers."""
    limit = settings.max_new_tokens if context is None else min(settings.max_new_tokens, context - len(ids))
    return Start(ids, [uniforms(settings, number, place) for place in places], [limit] * len(places))
