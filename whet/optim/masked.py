"""A share of every weight's columns at a time: the ratio form of BAdam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from whet.base.seeds import derive
from whet.optim.elementwise import Adam, State
from whet.optim.groups import NamedParameter
from whet.optim.row_chunks import RESIDUAL, RowShard
from whet.optim.rules import At, RowRule, Tensors


class Masked(RowRule):
    """Adam on `ratio` of each tensor's columns, drawn anew every `every` steps, when the moments start again.

    The published code draws single elements; whole columns are as random for a row and need no index a weight. A vector
    is trained whole.
    """

    has_prepare = True
    needs_rows = True

    def __init__(self, adam: Adam, ratio: float, every: int, seed: int) -> None:
        self.adam, self.ratio, self.every, self.seed = adam, ratio, every, seed
        self.entries = adam.entries

    def kept_shape(self, shape: Sequence[int]) -> tuple[int, int]:
        return (shape[0] if shape else 1, chosen(math.prod(shape[1:]), self.ratio))

    def account(self, states: Sequence[dict[str, Any]], at: At) -> At:
        """Steps count from the last draw."""
        return replace(at, step=(at.step - 1) % self.every + 1)

    def prepare(self, shards: Sequence[RowShard]) -> list[RowShard]:
        """The shards with the drawn columns alone."""
        found = []
        for shard in shards:
            turn, within = divmod(shard.state["step"] - 1, self.every)
            if within == 0:
                for name, tensor in shard.kept.items():
                    if name != RESIDUAL:
                        tensor.zero_()  # for 8 bits a scale of zero is what counts
            columns = self.columns(shard.named, shard.weight.shape[1], turn).to(shard.weight.device)
            kept = dict(shard.kept)
            if RESIDUAL in kept:
                kept[RESIDUAL] = kept[RESIDUAL][:, columns]
            weight, grad = shard.weight[:, columns], shard.grad[:, columns]
            found.append(replace(shard, weight=weight, grad=grad, kept=kept, row_numbers=len(columns)))
        return found

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        self.adam.advance(weights, grads, state, at)

    def finish(self, shards: Sequence[RowShard], compact: Sequence[RowShard]) -> None:
        """Put the moved columns back."""
        for shard, part in zip(shards, compact, strict=True):
            turn = (shard.state["step"] - 1) // self.every
            columns = self.columns(shard.named, shard.weight.shape[1], turn).to(shard.weight.device)
            shard.weight[:, columns] = part.weight
            if RESIDUAL in shard.kept:
                shard.kept[RESIDUAL][:, columns] = part.kept[RESIDUAL]

    def columns(self, named: NamedParameter, count: int, turn: int) -> torch.Tensor:
        """The columns trained in a turn, ascending."""
        generator = torch.Generator().manual_seed(derive(self.seed, "columns", named.name, turn))
        return torch.randperm(count, generator=generator)[: chosen(count, self.ratio)].sort().values


def chosen(columns: int, ratio: float) -> int:
    return max(1, round(ratio * columns))
