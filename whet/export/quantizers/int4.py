"""Four bits, rounded to nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import quantizer
from whet.base.settings import Natural

if TYPE_CHECKING:
    from whet.export.quantizing.method import Method


@quantizer("int4")
def int4(
    *,
    group: Natural = 128,
    symmetric: bool = True,
    layout: Literal["compressed-tensors", "gptq"] = "compressed-tensors",
) -> Method:
    """Four bits, rounded to nearest: no data, the coarsest of all.

    group: inputs that share a scale; 0 is the whole row
    symmetric: no zero point beside the scale
    layout: how codes are stored
    """
    from whet.export.quantizing.nearest import rounding
    from whet.kernels.codes import Grid

    return rounding(Grid(4, group or None, symmetric), layout=layout)
