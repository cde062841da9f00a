"""The gradient norm over all shards, and clipping by it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch.distributed.tensor import DTensor, Replicate
from torch.nn import Parameter

from whet.parallel.world import AXES, World


def clip(parameters: Iterable[Parameter], limit: float, world: World) -> float:
    """Scale all gradients so that their global 2-norm is at most `limit` (0: only measure). Returns the norm before.

    Squares are summed in float32 per tensor (float64 where all are) and in float64 over tensors and ranks. Of several
    copies of a piece, on ranks that a placement replicates it over, the first counts; sums that are still to be made
    (partial placements) are made first.
    """
    gradients = [_summed(p) for p in parameters if p.grad is not None]
    pieces = [g.to_local() if isinstance(g, DTensor) else g for g in gradients]
    own = [piece for piece, g in zip(pieces, gradients, strict=True) if world.is_first(_spread(g))]
    norm = world.total(_squares(own)) ** 0.5
    if limit > 0 and norm > limit:
        torch._foreach_mul_(pieces, limit / norm)
    return norm


def _summed(parameter: Parameter) -> torch.Tensor:
    """The gradient, without partial sums."""
    gradient: torch.Tensor = parameter.grad  # type: ignore[assignment]
    if isinstance(gradient, DTensor) and any(placement.is_partial() for placement in gradient.placements):
        whole = [Replicate() if placement.is_partial() else placement for placement in gradient.placements]
        parameter.grad = gradient = gradient.redistribute(placements=whole)
    return gradient


def _spread(gradient: torch.Tensor) -> set[str]:
    """The dimensions of the mesh over which the pieces of a gradient differ."""
    if not isinstance(gradient, DTensor):
        return set()
    named = zip(gradient.device_mesh.mesh_dim_names or (), gradient.placements, strict=True)
    return {dim for name, placement in named if not placement.is_replicate() for dim in AXES.get(name, (name,))}


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
