"""The gradient norm over all shards, and clipping by it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.distributed.tensor import DTensor
from torch.nn import Parameter

from whet.parallel.world import World


def clip(parameters: Iterable[Parameter], limit: float, world: World) -> float:
    """Scale all gradients so that their global 2-norm is at most `limit` (0: only measure). Returns the norm before.

    Squares are summed in float32 per tensor (float64 where all are) and in float64 over tensors and ranks. A sharded
    gradient counts each element once; a replicated one is counted on one rank.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    sharded = [g.to_local() for g in gradients if isinstance(g, DTensor)]
    plain = [g for g in gradients if not isinstance(g, DTensor)]
    total = world.sums({"squares": _squares(sharded) + (_squares(plain) if world.leads else 0.0)})
    norm = total["squares"] ** 0.5
    if limit > 0 and norm > limit:
        torch._foreach_mul_([*sharded, *plain], limit / norm)
    return norm


def _squares(tensors: list[torch.Tensor]) -> float:
    if not tensors:
        return 0.0
    dtype = torch.float64 if all(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
    norms = torch._foreach_norm(tensors, 2.0, dtype=dtype)
    return float(torch.stack(norms).double().square().sum())
