"""GPTQ, over calibration data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Gt, Lt

from whet.base.catalogue import quantizer
from whet.base.settings import Natural

if TYPE_CHECKING:
    from whet.export.quantizing.method import Method


@quantizer("gptq", needs_data=True)
def gptq(
    *,
    bits: Literal[4, 8] = 4,
    group: Natural = 128,
    act_order: Literal["off", "static", "group"] = "static",
    symmetric: bool = True,
    damp: Annotated[float, Gt(0), Lt(1)] = 0.01,
    layout: Literal["compressed-tensors", "gptq"] = "compressed-tensors",
) -> Method:
    """Input by input, the rest making up for each error (Frantar et al. 2022, algorithm 1).

    bits: of a weight
    group: inputs that share a scale; 0 is the whole row
    act_order: inputs that carry most come first; `group` groups them so too, which the layout `gptq` alone can tell
    symmetric: no zero point beside the scale
    damp: share of the mean diagonal that is added to the Hessian
    layout: how codes are stored
    """
    from functools import partial

    from whet.export.quantizing.gptq import gptq as rounding
    from whet.export.quantizing.method import Method
    from whet.kernels.codes import Grid

    grid = Grid(bits, group or None, symmetric)
    chosen = partial(rounding, order=act_order, damp=damp)
    return Method(grid, chosen, layout, needs_data=True, order=act_order)
