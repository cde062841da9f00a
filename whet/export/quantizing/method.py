"""What the slot `quantizer` builds: a grid, how codes on it are chosen, and how they are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from whet.base.errors import ConfigError, ModelError
from whet.kernels.codes import Codes, Grid
from whet.models.checkpoints.layouts import Layout

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from whet.export.quantizing.walk import Shared

Rounding = Callable[["Tensor", "Tensor | None", Grid], Codes]
Folding = Callable[[Any, "Sequence[Shared]", Grid, "Callable[[], Tensor]"], int]


@dataclass(frozen=True, slots=True)
class Method:
    """How linear layers are quantized.

    `round` makes codes of a weight (O, I), given what its inputs were like (I, I) where `needs_data`; `fold` changes a
    block before that and leaves its output as it was. `order` is that in which GPTQ takes inputs. `activations` tells
    engines to quantize a layer's inputs too, each token as it comes.
    """

    grid: Grid
    round: Rounding
    layout: Layout = "compressed-tensors"
    needs_data: bool = False
    fold: Folding | None = None
    order: str = "off"
    activations: bool = False

    def __post_init__(self) -> None:
        if self.layout != "gptq":
            if self.order == "group":
                raise ConfigError(
                    "groups in the order of the activations have no place in the layout `compressed-tensors`",
                    hint="act_order=static, or layout=gptq",
                )
            return
        if self.grid.floats or self.activations:
            raise ConfigError("the layout `gptq` holds integer weights alone", hint="layout=compressed-tensors")

    def fitted(self, dtype: torch.dtype) -> Method:
        """The method with scales kept in the model's dtype; the GPTQ layout has them in fp16."""
        import torch

        return replace(self, grid=replace(self.grid, scale_dtype=torch.float16 if self.layout == "gptq" else dtype))

    def check(self, shapes: dict[str, tuple[int, int]]) -> None:
        """Raise ModelError for matrices that cannot be cut into groups, or that the layout cannot pack."""
        group, per_word = self.grid.group, 32 // self.grid.bits
        for name, (rows, inputs) in shapes.items():
            if group and inputs % group:
                fitting = [size for size in (256, 128, 64, 32, 16) if not any(i % size for _, i in shapes.values())]
                raise ModelError(
                    f"`{name}` has {inputs:,} inputs, which groups of {group} do not divide",
                    hint=f"group={fitting[0]}" if fitting else "group=0, one scale a row",
                )
            if self.layout == "gptq" and (rows % per_word or inputs % per_word):
                raise ModelError(
                    f"`{name}` is {rows:,} x {inputs:,}, and the layout `gptq` packs {per_word} at a time both ways",
                    hint="layout=compressed-tensors",
                )

    @property
    def bits_a_weight(self) -> float:
        """Bits that a quantized weight takes with its share of the scale; a scale of a whole row is not counted."""
        extra = 16 + (0 if self.grid.symmetric else self.grid.bits)
        return self.grid.bits + (extra / self.grid.group if self.grid.group else 0.0)

    @property
    def coarseness(self) -> str:
        """What decides how far the result may drift, by the names of `whet.export.limits.QUANTIZED`."""
        form = "FP8" if self.grid.floats else f"{self.grid.bits} bits"
        return f"{form}, activations too" if self.activations else form

    def describe(self) -> str:
        """Bits, groups and layout in a few words."""
        groups = f"groups of {self.grid.group}" if self.grid.group else "a scale a row"
        shape = "" if self.grid.symmetric else ", asymmetric"
        return f"{self.coarseness}, {groups}{shape}, {self.layout}"
