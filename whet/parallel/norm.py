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


def not_finite(parameters: Iterable[tuple[str, Parameter]]) -> list[str]:
    """The names of trained weights that hold an infinite or undefined number on this rank, in one pass over them."""
    named = [(name, p.detach()) for name, p in parameters if p.requires_grad and p.is_floating_point()]
    if not named:
        return []
    # By the 2-norm: the largest size (norm of order inf) takes twelve times as long on a CPU.
    norms = torch.stack(_norms([p.to_local() if isinstance(p, DTensor) else p for _, p in named])).isfinite().tolist()
    return [name for (name, _), is_finite in zip(named, norms, strict=True) if not is_finite]


def _squares(tensors: list[torch.Tensor]) -> float:
    if not tensors:
        return 0.0
    return float(torch.stack(_norms(tensors)).double().square().sum())


def _norms(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    dtype = torch.float64 if all(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
    return list(torch._foreach_norm(tensors, 2.0, dtype=dtype))
