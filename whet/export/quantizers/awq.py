"""AWQ, over calibration data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import quantizer
from whet.base.settings import Natural

if TYPE_CHECKING:
    from whet.export.quantizing.method import Method


@quantizer("awq", needs_data=True)
def awq(
    *,
    bits: Literal[4, 8] = 4,
    group: Natural = 128,
    symmetric: bool = False,
    clip: bool = True,
    layout: Literal["compressed-tensors", "gptq"] = "compressed-tensors",
) -> Method:
    """Inputs that carry much are scaled up before rounding, and down where they come from (Lin et al. 2023).

    bits: of a weight
    group: inputs that share a scale; 0 is the whole row
    symmetric: no zero point beside the scale
    clip: let a grid be narrower than its weights where that leaves less error in the output
    layout: how codes are stored
    """
    from whet.export.quantizing.awq import clipped, fold_scales
    from whet.export.quantizing.method import Method
    from whet.export.quantizing.nearest import rounded
    from whet.kernels.codes import Grid

    grid = Grid(bits, group or None, symmetric)
    return Method(grid, clipped if clip else rounded, layout, needs_data=True, fold=fold_scales)
