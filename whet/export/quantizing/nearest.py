"""Rounding to nearest, which looks at nothing but the weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from whet.base.errors import ConfigError
from whet.export.quantizing.method import Method
from whet.kernels.codes import Codes, Grid, nearest


def rounding(grid: Grid, **how: Any) -> Method:
    """The method that rounds every weight to the nearest point of `grid`; `how` is what else a method says."""
    if how.get("activations") and grid.group:
        raise ConfigError("products of integers need one scale a row", hint="group=0")
    return Method(grid, rounded, **how)


def rounded(weight_OI: Tensor, hessian_II: Tensor | None, grid: Grid) -> Codes:
    """Every weight on the nearest point of its group's grid."""
    return nearest(weight_OI, grid)
