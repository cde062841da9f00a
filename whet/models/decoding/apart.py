"""Sequences that cannot share a forward: each goes on by itself, in the manner that is proven for its model."""

# V vocab

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from whet.models.decoding.manner import Manner
from whet.models.decoding.rows import Rows, rows_of
from whet.models.decoding.together import Part


class Apart:
    """A forward a sequence and step (contract: `whet.models.decoding.together.Sequences`)."""

    is_shared = False

    def __init__(self, module: nn.Module, manner: Manner, context: int | None) -> None:
        self._module, self._manner, self._context = module, manner, context
        self._device = next(module.parameters()).device
        self._rows: dict[int, Rows] = {}

    @torch.no_grad()
    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        return [self._one(part) for part in parts]

    def copy(self, source: int, target: int, num_tokens: int) -> None:
        self.drop(target)
        if num_tokens:  # one that has not begun has no row yet
            self._rows[target] = self._rows.pop(source)

    def swap(self, one: int, other: int) -> None:
        raise AssertionError("rows that are not shared have no places")

    def drop(self, row: int) -> None:
        self._rows.pop(row, None)

    def clear(self) -> None:
        self._rows.clear()

    def fit(self, rows: int, places: int) -> tuple[int, int]:
        return rows, places

    def _one(self, part: Part) -> Tensor:
        if part.start == 0:
            self._rows[part.row] = rows_of(self._module, self._manner, [part.ids], self._context)
        else:
            self._rows[part.row].push(torch.tensor(part.ids, device=self._device))
        last_1V = self._rows[part.row].logits()
        if part.told <= 1:
            return last_1V[: part.told]
        ids = torch.tensor([part.ids], device=self._device)
        return self._module(input_ids=ids, use_cache=False).logits[0, -part.told :].float()
