"""The gradient norm over all shards, and clipping by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch.distributed.tensor import DTensor, Replicate
from torch.nn import Parameter

from whet.kernels.layout import local
from whet.parallel.world import AXES, World


def squares(parameters: Iterable[Parameter], world: World) -> torch.Tensor:
    """This rank's part () of the squared 2-norm of all gradients, to be added over all ranks; nothing waits for it.

    Squares are summed in float32 per tensor (float64 where any is) and in float64 over tensors. Of several
    copies of a shard, on ranks that a placement replicates it over, the first counts; sums that are still to be made
    (partial placements) are made first.
    """
    gradients = [_summed(p) for p in parameters if p.grad is not None]
    own = [local(g) for g in gradients if world.is_first(_spread(g))]
    if not own:
        return torch.zeros((), dtype=torch.float64, device=world.device)
    return torch.stack(_norms(own)).double().square().sum().to(world.device)


def clip(parameters: Iterable[Parameter], limit: float, norm: float) -> float:
    """Scale all gradients, of a step whose global 2-norm is `norm`, so that it is at most `limit` (0: leave them).
    Returns the factor, for gradients that lie elsewhere."""
    if not limit or norm <= limit:
        return 1.0
    if gradients := [local(p.grad) for p in parameters if p.grad is not None]:
        torch._foreach_mul_(gradients, limit / norm)
    return limit / norm


def _summed(parameter: Parameter) -> torch.Tensor:
    """The gradient, without partial sums."""
    gradient: torch.Tensor = parameter.grad  # type: ignore[assignment]
    if isinstance(gradient, DTensor) and any(placement.is_partial() for placement in gradient.placements):
        whole = [Replicate() if placement.is_partial() else placement for placement in gradient.placements]
        parameter.grad = gradient = gradient.redistribute(placements=whole)
    return gradient


def _spread(gradient: torch.Tensor) -> set[str]:
    """The dimensions of the mesh over which the shards of a gradient differ; each stage has gradients of its own."""
    stages = set(AXES["stages"])
    if not isinstance(gradient, DTensor):
        return stages
    named = zip(gradient.device_mesh.mesh_dim_names or (), gradient.placements, strict=True)
    return stages.union(dim for name, p in named if not p.is_replicate() for dim in AXES.get(name, (name,)))


def not_finite(parameters: Iterable[tuple[str, Parameter]]) -> list[str]:
    """The names of trained weights that hold an infinite or undefined number on this rank."""
    named = [(name, p) for name, p in parameters if _may_break(p)]
    if not named:
        return []
    suspect = (~_sound([p for _, p in named])).tolist()
    # Numbers beyond 1e19, finite ones, have squares that float32 does not hold.
    return [n for (n, p), doubt in zip(named, suspect, strict=True) if doubt and not local(p).isfinite().all()]


def num_not_finite(parameters: Iterable[Parameter], world: World) -> torch.Tensor:
    """How many trained weights () hold such a number on this rank, or one beyond 1e19; nothing waits for it."""
    weights = [p for p in parameters if _may_break(p)]
    if not weights:
        return torch.zeros((), dtype=torch.float64, device=world.device)
    return (~_sound(weights)).sum().double().to(world.device)


def _may_break(parameter: Parameter) -> bool:
    return parameter.requires_grad and parameter.is_floating_point()


def _sound(weights: Sequence[Parameter]) -> torch.Tensor:
    """Whether each weight is finite, by its 2-norm: its largest size takes twelve times as long on a CPU."""
    return torch.stack(_norms([local(weight.detach()) for weight in weights])).isfinite()


def _norms(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    dtype = torch.float64 if any(tensor.dtype == torch.float64 for tensor in tensors) else torch.float32
    return list(torch._foreach_norm(tensors, 2.0, dtype=dtype))
