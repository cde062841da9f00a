"""Eight bits, rounded to nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from whet.base.catalogue import quantizer
from whet.base.settings import Natural

if TYPE_CHECKING:
    from whet.export.quantizing.method import Method


@quantizer("int8")
def int8(
    *,
    group: Natural = 0,
    activations: bool = False,
    layout: Literal["compressed-tensors", "gptq"] = "compressed-tensors",
) -> Method:
    """Eight bits, rounded to nearest: no data, half of bf16.

    group: inputs that share a scale; 0 is the whole row
    activations: engines round the inputs of a layer to eight bits too, a scale a token, and multiply integers
    layout: how codes are stored
    """
    from whet.export.quantizing.nearest import rounding
    from whet.kernels.codes import Grid

    return rounding(Grid(8, group or None), layout=layout, activations=activations)
