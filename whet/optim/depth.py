"""Depth: which of a model's layers a parameter lies in, and a rate for each depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def layer_indices(module: nn.Module, layers: Sequence[str]) -> dict[int, int]:
    """The layer (from 0, nearest to the input) that each parameter object lies in, by its identity.

    `layers` are the names of the module's repeated blocks, as `Loaded.layers` tells them.
    """
    return {id(p): index for index, name in enumerate(layers) for p in module.get_submodule(name).parameters()}


def depth_rates(module: nn.Module, layers: Sequence[str], factor: float) -> dict[str, float]:
    """Rates that fall by `factor` from each layer to the one below it (Howard and Ruder 2018, section 3.2).

    The last layer and what follows it (final norm, head) have 1; what precedes the first layer is one deeper than it.
    """
    found, depth = layer_indices(module, layers), len(layers)
    rates, is_before = {}, True
    for name, parameter in module.named_parameters():
        index = found.get(id(parameter))
        if index is None:
            rates[name] = factor**depth if is_before and depth else 1.0
        else:
            rates[name], is_before = factor ** (depth - 1 - index), False
    return rates
