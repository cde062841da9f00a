"""Talks: conversations that a live module goes on with, turn by turn, and reads each token of once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from whet.base.errors import ModelError
from whet.contracts.rewards import unheard
from whet.generate.decode import BATCH_TOKENS, context_length
from whet.generate.eval_mode import Lockstep
from whet.generate.prompts import stop_ids
from whet.generate.protocol import Asked, GenerateSettings, Turn
from whet.generate.rows import Rows, Start
from whet.generate.sampling import uniforms
from whet.generate.shadow_model import answering
from whet.models.decoding.cache import Held
from whet.models.decoding.proof import decoding_of

Ids = tuple[int, ...]


class LiveTalk:
    """Turns of a live module (contract: `whet.generate.protocol.Talk`).

    The KV cache of a turn that ended itself is kept for the next one: at most `batch_tokens` tokens of it, and the
    turns made at once fill as many again. Layers that see a window keep all tokens meanwhile. What is not kept is read
    again, as is everything where layers keep something else than keys and values. A context that several conversations
    begin with is read once. The weights must stay as they are. With FSDP every rank calls this with its own
    conversations, any number of them, and the same `settings.max_new_tokens`; the module runs equally often on all
    ranks.
    """

    def __init__(self, module: nn.Module, tokenizer: Any, *, batch_tokens: int = BATCH_TOKENS) -> None:
        self._module, self._batch_tokens = module, batch_tokens
        self._stops = torch.tensor(sorted(stop_ids(module, tokenizer)))
        self._context, self._manner = context_length(module), decoding_of(module)
        self._kept: dict[int, tuple[Ids, Held]] = {}
        self._num_kept = 0

    def turn(
        self, asked: Sequence[Asked], settings: GenerateSettings, at: Callable[[str], None] = unheard
    ) -> list[Turn]:
        """Go on with these conversations; those that are not among them have ended."""
        for talk in self._kept.keys() - {one.talk for one in asked}:
            self._take(talk)
        limits = [self._limit(one) for one in asked]
        batches = self._batches(limits, asked)
        together = Lockstep(self._module)
        turns: dict[int, Turn] = {}
        with answering(self._module) as module:
            for index in range(together.most(len(batches))):
                groups = self._groups(batches[index], asked) if index < len(batches) else []
                rows = Rows(
                    module, [self._start([(asked[i], limits[i]) for i in group], settings) for group in groups],
                    settings, self._stops, self._context, goes_on=self._manner.holds,
                )  # fmt: skip
                drawn = rows.run(together, at, self._is_kept if self._manner.holds else None)
                for i, one in zip((i for group in groups for i in group), drawn, strict=True):
                    turns[i] = Turn(tuple(one.ids), tuple(one.logprobs), "stop" if one.is_whole else "length")
                    if one.held is not None:
                        self._kept[asked[i].talk] = ((*asked[i].context, *one.ids[:-1]), one.held)
        return [turns[i] for i in range(len(asked))]

    def _limit(self, one: Asked) -> int:
        """Tokens that a turn may have."""
        room = one.room if self._context is None else min(one.room, self._context - len(one.context))
        if room < 1:
            raise ModelError(
                f"a conversation has {len(one.context):,} tokens and the model's context is {self._context:,}",
                hint="rollout.max_new_tokens: fewer",
            )
        return room

    def _batches(self, limits: Sequence[int], asked: Sequence[Asked]) -> list[list[int]]:
        """Places of the conversations that go on together: the longest first, and new ones apart from others.

        Every row of a batch reads as many tokens, which for a new one are all.
        """
        batches: list[list[int]] = []
        contexts = [len(one.context) for one in asked]
        lengths = [context + limit for context, limit in zip(contexts, limits, strict=True)]
        apart = self._manner.rows != "padded"
        known = [one.talk in self._kept for one in asked]
        for i in sorted(range(len(asked)), key=lambda i: (not known[i], -lengths[i], -contexts[i] * apart)):
            first = batches[-1][0] if batches else i
            has_room = lengths[first] * (len(batches[-1]) + 1) <= self._batch_tokens if batches else False
            may_join = self._manner.joins(contexts[first], contexts[i], max(limits[first], limits[i]))
            if has_room and may_join and known[first] == known[i]:
                batches[-1].append(i)
            else:
                batches.append([i])
        return batches

    def _groups(self, batch: Sequence[int], asked: Sequence[Asked]) -> list[list[int]]:
        """Places of a batch, those of new conversations with the same context together."""
        groups: dict[Any, list[int]] = {}
        for i in batch:
            groups.setdefault(i if asked[i].talk in self._kept else tuple(asked[i].context), []).append(i)
        return list(groups.values())

    def _start(self, group: Sequence[tuple[Asked, int]], settings: GenerateSettings) -> Start:
        """One context, and what is kept of it, with the draws of each conversation that goes on from it."""
        one = group[0][0]
        ids, held = self._take(one.talk) if one.talk in self._kept else ((), None)
        is_beginning = len(ids) < len(one.context) and tuple(one.context[: len(ids)]) == ids
        draws = [uniforms(settings, each.number) for each, _ in group]
        return Start(one.context, draws, [limit for _, limit in group], held if is_beginning else None)

    def _is_kept(self, num_tokens: int) -> bool:
        """Whether there is room for the cache of so many tokens, which is then taken."""
        if self._num_kept + num_tokens > self._batch_tokens:
            return False
        self._num_kept += num_tokens
        return True

    def _take(self, talk: int) -> tuple[Ids, Held]:
        ids, held = self._kept.pop(talk)
        self._num_kept -= held.num_tokens
        return ids, held
