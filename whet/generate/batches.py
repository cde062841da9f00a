"""Batches of texts that are decoded together, one token each a step, with a transformers model."""

# B rows  V vocab

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.generate.protocol import GenerateSettings, Token
from whet.generate.sampling import Sampler
from whet.models.decoding.pairs import Pairs, start_of
from whet.models.decoding.proof import decoding_of
from whet.models.decoding.rows import rows_of
from whet.models.forward.language import unwrapped


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
    """A batch of the kind that the module takes. Prompts must be such as may go together (`Manner.joins`)."""
    return (PairedBatch if is_paired_model(module) else Batch)(module, prompts, rows, settings, context)


class Batch:
    """Rows that are decoded together.

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
        self._num_rows = len(prompts)
        self._growing: Any = self._begin(module, prompts or [[0]], context)
        self._sampler = Sampler(settings, list(rows) or [0], self._contexts(module, prompts or [[0]]))
        self._has_begun = False

    def step(self) -> list[Token]:
        """Run the module once and choose a token for every row, also for those that have ended."""
        ids_B, tokens = self._sampler.choose(self._logits())
        self._growing.push(ids_B)
        return tokens[: self._num_rows]

    def _begin(self, module: nn.Module, prompts: Sequence[Sequence[int]], context: int | None) -> Any:
        return rows_of(module, decoding_of(module), prompts, context)

    def _contexts(self, module: nn.Module, prompts: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
        """What stands before each answer, in the decoder."""
        return prompts

    def _logits(self) -> Tensor:
        """Logits (B, V) of the next token, in float32."""
        logits_BV = self._growing.logits()
        if logits_BV.isnan().any():
            raise ModelError("the model's logits are not numbers (NaN)", hint="its weights may have diverged")
        return logits_BV


class PairedBatch(Batch):
    """Rows of an encoder-decoder: sources are read once, and answers begin as the config says."""

    def _begin(self, module: nn.Module, prompts: Sequence[Sequence[int]], context: int | None) -> Any:
        self._forced = getattr(getattr(unwrapped(module), "generation_config", None), "forced_bos_token_id", None)
        return Pairs(module, decoding_of(module), prompts, _start_of(module))

    def _contexts(self, module: nn.Module, prompts: Sequence[Sequence[int]]) -> Sequence[Sequence[int]]:
        return [[_start_of(module)]] * len(prompts)

    def _logits(self) -> Tensor:
        logits_BV = super()._logits()
        if not self._has_begun and self._forced is not None:  # such as the language of a translation
            logits_BV = torch.full_like(logits_BV, -torch.inf)
            logits_BV[:, self._forced] = 0.0
        self._has_begun = True
        return logits_BV


def _start_of(module: nn.Module) -> int:
    """The token that an answer of an encoder-decoder begins with."""
    start = start_of(module)
    if start is None:
        raise ModelError(
            "the config does not say what an answer begins with",
            at="config.json",
            hint='"decoder_start_token_id": 0, as in T5',
        )
    return start
