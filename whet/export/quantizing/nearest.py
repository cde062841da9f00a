"""Rounding to nearest, which looks at nothing but the weights."""

from __future__ import annotations

from torch import Tensor

from whet.kernels.codes import Codes, Grid, nearest


def rounded(weight_OI: Tensor, hessian_II: Tensor | None, grid: Grid) -> Codes:
    """Every weight on the nearest point of its group's grid."""
    return nearest(weight_OI, grid)
