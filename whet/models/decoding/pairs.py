"""Rows of an encoder-decoder in the making: sources are read once, answers grow side by side."""

# B rows  S source tokens  T tokens  V vocab

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.models.decoding.manner import Manner
from whet.models.forward.backbone import Output, unwrapped
from whet.models.forward.encoder_decoder import start_fed


def start_of(module: nn.Module) -> int | None:
    """The token that answers begin with: as the configs say, else the one that training feeds; None if neither does."""
    own: Any = unwrapped(module)
    named = [
        getattr(one, "decoder_start_token_id", None) for one in (getattr(own, "generation_config", None), own.config)
    ]
    return next((token for token in named if token is not None), start_fed(own))


def start_token(module: nn.Module) -> int:
    """The same. Raises ModelError where nothing says it."""
    start = start_of(module)
    if start is None:
        raise ModelError(
            "the config does not say what an answer begins with",
            at="config.json",
            hint='"decoder_start_token_id": 0, as in T5',
        )
    return start


def is_paired_model(module: nn.Module) -> bool:
    """Whether the module is an encoder-decoder."""
    return bool(getattr(getattr(unwrapped(module), "config", None), "is_encoder_decoder", False))


class Pairs:
    """Sources, padded on the right, and the answers to them, which begin with the token `start`.

    Raises ModelError where the model's answers are `Manner.refused`.
    """

    def __init__(
        self, module: nn.Module, manner: Manner, sources: Sequence[Sequence[int]], start: int, forced: int | None = None
    ) -> None:
        """`forced` is the first token of every answer, such as the language of a translation."""
        if manner.refused:
            raise ModelError(manner.refused, at="generation_config.json", hint=manner.remedy)
        self._module, self._manner = module, manner
        longest, device = max(map(len, sources)), next(module.parameters()).device
        self._sources_BS = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in sources], device=device)
        self._mask_BS = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in sources], device=device)
        self._next_BT = self._sources_BS.new_full((len(sources), 1), start)
        self._encoded: Tensor | None = None
        self._cache: Any = None
        self._forced = forced

    def logits(self) -> Tensor:
        """Run what was pushed: logits (B, V) of the next token of each row, in float32."""
        inputs: dict[str, Any] = {"decoder_input_ids": self._next_BT, "use_cache": self._manner.cached}
        if self._manner.rows != "single" or self._manner.cached:
            inputs["attention_mask"] = self._mask_BS
        if self._encoded is None:
            inputs["input_ids"] = self._sources_BS
        else:
            inputs["encoder_outputs"] = Output(last_hidden_state=self._encoded)  # type: ignore[arg-type]
        if self._cache is not None:
            inputs["past_key_values"] = self._cache
        output = self._module(**inputs)
        if self._manner.cached:
            self._cache = output.past_key_values
            if self._cache is None:
                raise ModelError(
                    "the model keeps nothing of the tokens that it has seen",
                    hint="use it without a cache: another model, or another engine",
                )
        if self._manner.rows != "single" or self._manner.cached:
            self._encoded = output.encoder_last_hidden_state
        logits_BV = output.logits[:, -1].float()
        if self._forced is None:
            return logits_BV
        forced_BV = torch.full_like(logits_BV, -torch.inf)
        forced_BV[:, self._forced] = 0.0
        self._forced = None
        return forced_BV

    def push(self, ids_B: Tensor) -> None:
        """A token more for each row."""
        self._next_BT = ids_B[:, None] if self._manner.cached else torch.cat([self._next_BT, ids_B[:, None]], 1)
