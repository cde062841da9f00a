"""Sequences that cannot share a forward: each goes on by itself, in the manner that is proven for its model."""

# V vocab

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from whet.models.decoding.manner import Manner
from whet.models.decoding.rows import Rows, rows_of
from whet.models.decoding.sequences import Beginning, Part


class Apart:
    """A forward a sequence and step (contract: `whet.models.decoding.sequences.Sequences`)."""

    is_shared = False

    def __init__(self, module: nn.Module, manner: Manner, context: int | None, most_tokens: int = 1 << 30) -> None:
        self._module, self._manner, self._context, self._most = module, manner, context, most_tokens
        self._device = next(module.parameters()).device
        self._rows: dict[int, Rows] = {}

    def begin(self, key: int, beginning: Beginning) -> int:
        return 0

    @torch.no_grad()
    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        return [self._one(part) for part in parts]

    def leave(self, key: int, num_tokens: int) -> None:
        self._rows.pop(key, None)  # one that has not begun has no row yet

    def fits(self, lengths: Mapping[int, int], more: Beginning | None = None) -> bool:
        return sum(lengths.values()) + (0 if more is None else len(more.ids) + 1) <= self._most

    def spare(self, lengths: Mapping[int, int]) -> int:
        return 0

    def clear(self) -> None:
        self._rows.clear()

    def _one(self, part: Part) -> Tensor:
        if part.start == 0:
            self._rows[part.key] = rows_of(self._module, self._manner, [part.ids], self._context)
        else:
            self._rows[part.key].push(torch.tensor(part.ids, device=self._device))
        last_1V = self._rows[part.key].logits()
        if part.told <= 1:
            return last_1V[: part.told]
        ids = torch.tensor([part.ids], device=self._device)
        return self._module(input_ids=ids, use_cache=False).logits[0, -part.told :].float()
