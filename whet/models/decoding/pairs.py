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


class Pairs:
    """Sources, padded on the right, and the answers to them, which begin with the token `start`.

    Raises ModelError where the model's answers are `Manner.refused`.
    """

    def __init__(self, module: nn.Module, manner: Manner, sources: Sequence[Sequence[int]], start: int) -> None:
        if manner.refused:
            raise ModelError(manner.refused, at="generation_config.json", hint=manner.remedy)
        self._module, self._manner = module, manner
        longest, device = max(map(len, sources)), next(module.parameters()).device
        self._sources_BS = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in sources], device=device)
        self._mask_BS = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in sources], device=device)
        self._next_BT = self._sources_BS.new_full((len(sources), 1), start)
        self._encoded: Tensor | None = None
        self._cache: Any = None

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
        return output.logits[:, -1].float()

    def push(self, ids_B: Tensor) -> None:
        """A token more for each row."""
        self._next_BT = ids_B[:, None] if self._manner.cached else torch.cat([self._next_BT, ids_B[:, None]], 1)
