"""Several changes of one weight made into one: weighted sums, TIES, DARE, truncation to a rank, and SLERP."""

# N number of changes

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from whet.base.errors import ConfigError
from whet.base.seeds import derive

Method = Literal["linear", "ties", "dare", "dare-ties", "svd", "slerp"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How changes are combined.

    `density` is the share of each change that TIES and DARE keep; `rank` is what `svd` truncates their sum to; `seed`
    draws what DARE drops.
    """

    method: Method = "linear"
    density: float = 0.5
    rank: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.density <= 1:
            raise ConfigError(f"`density` is {self.density}", hint="more than 0 and at most 1, such as --density 0.5")
        if self.rank < 1:
            raise ConfigError(f"`rank` is {self.rank}", hint="at least 1, such as --rank 16")


def combine(changes: Sequence[Tensor], weights: Sequence[float], recipe: Recipe, name: str) -> Tensor:
    """One change from several of the same shape, in float32. `name` seeds what DARE drops of this tensor."""
    if recipe.method == "ties":
        return _elected([_largest(change, recipe.density) for change in changes], weights)
    if recipe.method in ("dare", "dare-ties"):
        kept = [_dropped(change, recipe, f"{name}/{i}") for i, change in enumerate(changes)]
        return _sum(kept, weights) if recipe.method == "dare" else _elected(kept, weights)
    total = _sum(changes, weights)
    return _truncated(total, recipe.rank) if recipe.method == "svd" and total.dim() == 2 else total


def slerp(start: Tensor, end: Tensor, share: float) -> Tensor:
    """The point at `share` of the arc from one tensor to the other, in float32 (Shoemake 1985); lengths too.

    Where the two point the same way, or one is zero, the arc is the straight line.
    """
    a, b = start.float(), end.float()
    lengths = a.norm(), b.norm()
    cosine = float((a * b).sum() / (lengths[0] * lengths[1]).clamp_min(1e-30))
    if abs(cosine) > 0.9995 or not all(lengths):
        return torch.lerp(a, b, share)
    angle = torch.acos(torch.tensor(cosine))
    first, second = torch.sin((1 - share) * angle) / torch.sin(angle), torch.sin(share * angle) / torch.sin(angle)
    direction = first * a / lengths[0] + second * b / lengths[1]
    return direction * torch.lerp(*lengths, share)


def _sum(changes: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    total = torch.zeros_like(changes[0], dtype=torch.float32)
    for change, weight in zip(changes, weights, strict=True):
        total.add_(change, alpha=weight)
    return total


def _largest(change: Tensor, density: float) -> Tensor:
    """The share of entries with the largest magnitude; the others become zero (TIES, Yadav et al. 2023, step 1)."""
    count = int(density * change.numel())
    if count >= change.numel():
        return change
    kept = torch.zeros_like(change).flatten()
    if count:
        places = change.abs().flatten().topk(count).indices
        kept[places] = change.flatten()[places]
    return kept.view_as(change)


def _dropped(change: Tensor, recipe: Recipe, name: str) -> Tensor:
    """Entries kept at random with the density, scaled so that their expectation stays (DARE, Yu et al. 2024)."""
    generator = torch.Generator().manual_seed(derive("dare", recipe.seed, name))
    keeps = torch.rand(change.shape, generator=generator) < recipe.density
    return change * keeps / recipe.density


def _elected(changes: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The mean of the weighted entries that have the sign of their sum (TIES, steps 2 and 3)."""
    changes_N = torch.stack([change * weight for change, weight in zip(changes, weights, strict=True)])
    agrees_N = changes_N.sign() == changes_N.sum(0).sign()
    return (changes_N * agrees_N).sum(0) / agrees_N.sum(0).clamp_min(1)


def _truncated(total: Tensor, rank: int) -> Tensor:
    """The nearest matrix of that rank (Eckart and Young 1936)."""
    u, s, vt = torch.linalg.svd(total, full_matrices=False)
    return (u[:, :rank] * s[:rank]) @ vt[:rank]
