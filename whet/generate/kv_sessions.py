"""Talks: conversations that a live module goes on with, turn by turn, and reads each token of once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from whet.contracts.rewards import unheard
from whet.generate.decode import BATCH_TOKENS
from whet.generate.prompts import stop_ids
from whet.generate.protocol import Asked, GenerateSettings, Turn
from whet.generate.serving.offline import Offline
from whet.generate.serving.request import Request
from whet.generate.shadow_model import answering


class LiveTalk:
    """Turns of a live module (contract: `whet.generate.protocol.Talk`).

    What was read of a conversation is kept for its next turn, and what several begin with is read once: at most
    `batch_tokens` tokens of cache in all, those of the turns under way included. What there is no room for is read
    again, as is everything of models whose sequences cannot share a forward. The weights must stay as they are. With
    FSDP every rank calls this with its own conversations, any number of them; the module runs equally often on all
    ranks.
    """

    def __init__(self, module: nn.Module, tokenizer: Any, *, batch_tokens: int = BATCH_TOKENS) -> None:
        self._module, self._batch_tokens, self._stops = module, batch_tokens, stop_ids(module, tokenizer)
        self._offline: Offline | None = None

    def turn(
        self, asked: Sequence[Asked], settings: GenerateSettings, at: Callable[[str], None] = unheard
    ) -> list[Turn]:
        """Go on with these conversations."""
        requests = [
            Request(ids=one.context, settings=replace(settings, max_new_tokens=one.room), number=one.number,
                    tells_draws=True)
            for one in asked
        ]  # fmt: skip
        with answering(self._module) as module:
            if self._offline is None:
                self._offline = Offline(module, self._batch_tokens, tells_draws=True)
            said = self._offline.answers(requests, None, self._stops, at)
        return [Turn(tuple(one.ids), one.logprobs(settings.temperature), one.finish) for one in said]
