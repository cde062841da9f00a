"""Adam-mini: one second moment for each block of a parameter."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from whet.contracts.model import ParamRole
from whet.kernels.wide import wide
from whet.optim.elementwise import M, State, decay, root
from whet.optim.groups import NamedParameter
from whet.optim.row_chunks import RowShard
from whet.optim.rules import At, RowRule, Tensors

BY_ROW = (ParamRole.EMBEDDING, ParamRole.HEAD, ParamRole.MATRIX, ParamRole.EXPERT, ParamRole.BIAS)


class BlockMean(RowRule):
    """Adam with the mean of g^2 over each block for a second moment (Zhang et al. 2024, algorithm 1).

    Blocks are rows: those of one head in a query or key projection, each row of other matrices, embeddings and heads,
    each expert, each element of a bias, and the whole of any other tensor. `v` has a number a block and lies on every
    rank.
    """

    entries = (M,)
    replicated = ("v",)
    has_prepare = True

    def __init__(self, betas: tuple[float, float], eps: float) -> None:
        self.betas, self.eps = betas, eps

    def begin_rows(self, named: NamedParameter, device: torch.device) -> dict[str, Tensor]:
        blocks = num_rows(named) // block_rows(named)
        return {"v": torch.zeros(blocks, dtype=wide(named.parameter.dtype), device=device)}

    def prepare(self, shards: Sequence[RowShard]) -> list[RowShard]:
        """Renew every block's `v`, and hand each row the root that it divides by."""
        v = [shard.state["v"] for shard in shards]
        norms = [torch.linalg.vector_norm(shard.grad, dim=1, dtype=v[0].dtype) for shard in shards]
        torch._foreach_mul_(norms, norms)
        sizes = [block_rows(shard.named) for shard in shards]
        means = [
            whole if rows == 1 else whole.view(-1, rows).sum(1)
            for whole, rows in zip(_over_ranks(shards, norms), sizes, strict=True)
        ]
        counts = [shard.named.parameter.numel() // len(blocks) for shard, blocks in zip(shards, v, strict=True)]
        torch._foreach_div_(means, counts)
        torch._foreach_mul_(v, self.betas[1])
        torch._foreach_add_(v, means, alpha=1 - self.betas[1])
        roots = root(v, math.sqrt(1 - self.betas[1] ** shards[0].state["step"]), self.eps)
        return [
            replace(shard, rows={"root": _of_rows(r, shard, n)})
            for shard, r, n in zip(shards, roots, sizes, strict=True)
        ]

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        torch._foreach_lerp_(state["m"], grads, 1 - self.betas[0])
        decay(weights, at)
        rate = at.lr / (1 - self.betas[0] ** at.step)
        torch._foreach_addcdiv_(weights, state["m"], state["root"], value=-rate)


def _of_rows(roots: Tensor, shard: RowShard, rows: int) -> Tensor:
    """The roots of this rank's rows (R, 1), from those of all blocks."""
    first = shard.layout.first_row
    whole = roots if rows == 1 else roots.repeat_interleave(rows)
    return whole[first : first + shard.weight.shape[0]].unsqueeze(1)


def num_rows(named: NamedParameter) -> int:
    return named.parameter.shape[0] if named.parameter.dim() else 1


def block_rows(named: NamedParameter) -> int:
    """Rows of one block."""
    if named.head_rows and named.name.endswith(("q_proj.weight", "k_proj.weight")):
        return named.head_rows
    return 1 if named.role in BY_ROW else num_rows(named)


def _over_ranks(shards: Sequence[RowShard], squares: Sequence[Tensor]) -> list[Tensor]:
    """Every row's sum of squares, on every rank, in one collective for all shards that lie on the same ranks."""
    whole = list(squares)
    alike: dict[Any, list[int]] = defaultdict(list)
    for number, shard in enumerate(shards):
        if not shard.layout.is_whole:
            alike[shard.layout.spread].append(number)
    for places in alike.values():
        counts = [num_rows(shards[number].named) for number in places]
        flat = torch.zeros(sum(counts), dtype=squares[0].dtype, device=squares[0].device)
        for number, target in zip(places, flat.split(counts), strict=True):
            first = shards[number].layout.first_row
            target[first : first + len(squares[number])] = squares[number]
            whole[number] = target
        shards[places[0]].layout.combine(flat)
    return whole
