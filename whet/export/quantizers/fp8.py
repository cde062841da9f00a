"""FP8, rounded to nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whet.base.catalogue import quantizer

if TYPE_CHECKING:
    from whet.export.quantizing.method import Method


@quantizer("fp8")
def fp8(*, activations: bool = True) -> Method:
    """FP8 (E4M3) with a scale a row: no data, for GPUs that multiply it.

    activations: engines round the inputs of a layer to FP8 too, a scale a token
    """
    from whet.export.quantizing.nearest import rounding
    from whet.kernels.codes import Grid

    return rounding(Grid(8, None, floats=True), activations=activations)
