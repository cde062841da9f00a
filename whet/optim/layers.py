"""The repeated blocks of a model: what is sharded, frozen in turn, or given a rate by its depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def layers(module: nn.Module) -> list[nn.Module]:
    """Members of the module's longest ModuleList of one class, by parameters; none where nothing repeats."""
    from torch import nn

    lists = [m for m in module.modules() if isinstance(m, nn.ModuleList) and len(m) > 1]
    lists = [m for m in lists if len({type(child) for child in m}) == 1]
    return list(max(lists, key=lambda m: sum(p.numel() for p in m.parameters()), default=[]))


def layer_indices(module: nn.Module) -> dict[int, int]:
    """The layer (from 0, nearest to the input) that each parameter object lies in, by its identity."""
    return {id(p): index for index, layer in enumerate(layers(module)) for p in layer.parameters()}


def depth_rates(module: nn.Module, factor: float) -> dict[str, float]:
    """Rates that fall by `factor` from each layer to the one below it (Howard and Ruder 2018, section 3.2).

    The last layer and what follows it (final norm, head) have 1; what precedes the first layer is one deeper than it.
    """
    found, depth = layer_indices(module), len(layers(module))
    rates, is_before = {}, True
    for name, parameter in module.named_parameters():
        index = found.get(id(parameter))
        if index is None:
            rates[name] = factor**depth if is_before and depth else 1.0
        else:
            rates[name], is_before = factor ** (depth - 1 - index), False
    return rates
