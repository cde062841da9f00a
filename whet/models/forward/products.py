"""Linear layers that multiply in their own way while they are trained: in 8 bits of floating point.

A layer stays the `nn.Linear` that it is, with its parameters under their names, and carries how it multiplies. In
evaluation, and so in answers and in the model that is written, it multiplies as it always did.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MethodType
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from whet.base.errors import ModelError
from whet.contracts.model import Loaded, ParamRole
from whet.kernels.float8 import Cut, Recipe, linear
from whet.kernels.quantized import Quantized

PLACE = "whet_product"
AT = "train.fp8"


@dataclass(frozen=True)
class Float8:
    """How a layer multiplies: by this recipe."""

    recipe: Recipe


def install(model: Loaded, recipe: Recipe) -> int:
    """Let the linear layers of the repeated blocks multiply in float8; returns how many. Not those of adapters, packed
    ones, or any whose sizes do not fit the recipe. Raises ModelError where none is left."""
    module, count = model.module, 0
    blocks, beside = tuple(f"{block}." for block in model.layers), _beside(module)
    for name, layer in module.named_modules():
        if name.startswith(blocks) and not name.startswith(beside) and _may(model, name, layer, recipe):
            object.__setattr__(layer, PLACE, Float8(recipe))
            layer.forward = MethodType(_forward, layer)  # type: ignore[method-assign]
            count += 1
    if not count:
        raise ModelError(
            f"no linear layer of the blocks has sizes that are multiples of {recipe.aligned} and a weight as it is",
            at=AT, hint=f"{AT}=none",
        )  # fmt: skip
    return count


def multiplied(layer: nn.Module, x: Tensor, weight: Any, bias: Tensor | None = None, cut: Cut | None = None) -> Tensor:
    """x (..., K) times the weight (N, K) as the layer multiplies, of which ranks may have parts, and its bias."""
    how: Float8 | None = vars(layer).get(PLACE)
    if how is None or not layer.training:
        return F.linear(x, weight, bias)
    y = linear(x, weight, how.recipe, cut)
    return y if bias is None else y + bias.to(y.dtype)


def has_own(layer: nn.Module) -> bool:
    """Whether a layer multiplies in a way of its own."""
    return PLACE in vars(layer)


def check_cut(name: str, layer: nn.Module, weight: Tensor, ranks: int) -> None:
    """Raise ModelError for a layer that multiplies in float8 with a part of its weight whose sizes do not allow it."""
    how: Float8 | None = vars(layer).get(PLACE)
    if how is not None and any(size % how.recipe.aligned for size in weight.shape):
        rows, columns = weight.shape
        raise ModelError(
            f"`{name}` has a part of {rows} x {columns} on each of {ranks} ranks, and float8 takes multiples of "
            f"{how.recipe.aligned}", at=AT, hint=f"{AT}=none, or parallel.tensor=1",
        )  # fmt: skip


def _forward(self: Any, x: Tensor) -> Tensor:
    return multiplied(self, x, self.weight, self.bias)


def _beside(module: nn.Module) -> tuple[str, ...]:
    """What the names of modules begin with that an adapter has put beside a layer of the model's own."""
    around = [(name, part) for name, part in module.named_modules() if "base_layer" in part._modules]
    return tuple(f"{name}.{own}." for name, part in around for own in part._modules if own != "base_layer")


def _may(model: Loaded, name: str, layer: nn.Module, recipe: Recipe) -> bool:
    if type(layer) is not nn.Linear or isinstance(layer.weight, Quantized):
        return False
    is_matrix = model.roles.get(f"{name}.weight") is ParamRole.MATRIX
    return is_matrix and not any(size % recipe.aligned for size in layer.weight.shape)
