"""Batches of rows that are decoded together, one token each a step, with a transformers model and its KV cache."""

# B rows  T tokens  S source tokens  V vocab

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from whet.base.errors import ModelError
from whet.generate.cache import growing
from whet.generate.protocol import GenerateSettings, Token
from whet.generate.sampling import Sampler
from whet.models.language import unwrapped


def is_paired_model(module: nn.Module) -> bool:
    """Whether the module is an encoder-decoder."""
    return bool(getattr(getattr(unwrapped(module), "config", None), "is_encoder_decoder", False))


def batch_of(
    module: nn.Module,
    prompts: Sequence[Sequence[int]],
    rows: Sequence[int],
    settings: GenerateSettings,
    context: int | None,
) -> Batch:
    """A batch of the kind that the module takes."""
    return (PairedBatch if is_paired_model(module) else Batch)(module, prompts, rows, settings, context)


class Batch:
    """Rows that are decoded together, padded on the left so that all of them end at the same place.

    Without rows it still runs the module, on a lone token: other ranks may need this one.
    """

    def __init__(
        self,
        module: nn.Module,
        prompts: Sequence[Sequence[int]],
        rows: Sequence[int],
        settings: GenerateSettings,
        context: int | None,
    ) -> None:
        self._module, self._last_position = module, None if context is None else context - 1
        self._takes = inspect.signature(unwrapped(module).forward).parameters
        self._num_rows = len(prompts)
        device = next(module.parameters()).device
        self._next_BT, self._pads_B = _left_padded(prompts or [[0]], device)
        self._is_padded = bool(self._pads_B.any())
        self._length = self._next_BT.shape[1]
        self._cache: Any = growing(module)
        self._sampler = Sampler(settings, list(rows) or [0], prompts or [[0]])

    def step(self) -> list[Token]:
        """Run the module once and choose a token for every row, also for those that have ended."""
        logits_BV = self._forward()
        ids_B, tokens = self._sampler.choose(logits_BV)
        self._next_BT = ids_B[:, None]
        self._length += 1
        return tokens[: self._num_rows]

    def _forward(self) -> Tensor:
        """Logits (B, V) of the next token, in float32."""
        place_T = torch.arange(self._length, device=self._pads_B.device)
        inputs: dict[str, Any] = {"input_ids": self._next_BT, "past_key_values": self._cache, "use_cache": True}
        if self._is_padded:
            inputs["attention_mask"] = place_T >= self._pads_B[:, None]
        if "position_ids" in self._takes:
            fresh_T = place_T[-self._next_BT.shape[1] :]
            # A row that has ended goes on beside the others, perhaps past the model's last place.
            inputs["position_ids"] = (fresh_T - self._pads_B[:, None]).clamp(min=0, max=self._last_position)
        if "logits_to_keep" in self._takes:
            inputs["logits_to_keep"] = 1
        output = self._module(**inputs)
        return self._last_logits(output)

    def _last_logits(self, output: Any) -> Tensor:
        """Logits (B, V) of the last place, in float32; the cache is kept for the next."""
        self._cache = getattr(output, "past_key_values", None)
        if self._cache is None:
            raise ModelError("the model keeps no KV cache, so it cannot generate", hint="use a causal language model")
        logits_BV = output.logits[:, -1].float()
        if logits_BV.isnan().any():
            raise ModelError("the model's logits are not numbers (NaN)", hint="its weights may have diverged")
        return logits_BV


class PairedBatch(Batch):
    """Rows of an encoder-decoder: sources are read once, padded on the right, and answers begin as the config says."""

    def __init__(
        self,
        module: nn.Module,
        prompts: Sequence[Sequence[int]],
        rows: Sequence[int],
        settings: GenerateSettings,
        context: int | None,
    ) -> None:
        super().__init__(module, prompts, rows, settings, context)
        own: Any = unwrapped(module)
        config, generation = own.config, getattr(own, "generation_config", None)
        named = [getattr(one, "decoder_start_token_id", None) for one in (generation, config)]
        start = next((token for token in named if token is not None), None)
        if start is None:
            raise ModelError(
                "the config does not say what an answer begins with",
                at="config.json",
                hint='"decoder_start_token_id": 0, as in T5',
            )
        self._forced = getattr(generation, "forced_bos_token_id", None)
        self._sources, self._mask = _right_padded(prompts or [[0]], self._pads_B.device)
        self._next_BT, self._encoded = self._next_BT.new_full((len(self._sources), 1), start), None
        self._sampler = Sampler(settings, list(rows) or [0], [[start]] * len(self._sources))

    def _forward(self) -> Tensor:
        is_first = self._encoded is None
        output = self._module(
            **{"input_ids": self._sources} if is_first else {"encoder_outputs": BaseModelOutput(self._encoded)},
            attention_mask=self._mask,
            decoder_input_ids=self._next_BT,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._encoded = output.encoder_last_hidden_state
        logits_BV = self._last_logits(output)
        if is_first and self._forced is not None:  # such as the language of a translation
            logits_BV = torch.full_like(logits_BV, -torch.inf)
            logits_BV[:, self._forced] = 0.0
        return logits_BV


def _right_padded(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (B, S), and 1 where there is one (B, S)."""
    length = max(map(len, prompts))
    ids_BS = torch.tensor([[*prompt, *[0] * (length - len(prompt))] for prompt in prompts], device=device)
    mask_BS = torch.tensor([[1] * len(prompt) + [0] * (length - len(prompt)) for prompt in prompts], device=device)
    return ids_BS, mask_BS


def _left_padded(prompts: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (B, T), and how many places at the start of each row (B,) hold none."""
    length = max(map(len, prompts))
    ids_BT = torch.tensor([[0] * (length - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    pads_B = torch.tensor([length - len(prompt) for prompt in prompts], device=device)
    return ids_BT, pads_B
