"""LoRA on experts that are dealt to ranks: what it adds to the weights of those that this rank has.

Its matrices are whole on every rank. A rank's gradient of them is that of its own experts, and zero for all others; the
sum over ranks, which is made of every weight's gradient, is the whole one.
"""

# E experts  e those of this rank  I inputs of a weight  O outputs

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from peft.tuners.lora import ParamWrapper
from torch import Tensor, nn

from whet.kernels.collectives import copied

_BASE = ".base_layer"


def as_planned(name: str) -> str:
    """The name that a module, or a parameter, has without an adapter around it."""
    return re.sub(r"\.base_layer(?=\.|$)", "", name)


def layers_around(module: nn.Module, name: str) -> Iterator[nn.Module]:
    """What adapters have put around a module, from the inside out."""
    while name.endswith(_BASE):
        name = name.removesuffix(_BASE)
        yield module.get_submodule(name)


def handed_on(self: Any, hidden_ND: Tensor, *args: Any, adapters: Sequence[ParamWrapper] = (), **kwargs: Any) -> Tensor:
    """The forward of such a layer of LoRA: what is inside it adds to its weights itself (`with_adapters`)."""
    return self.base_layer(hidden_ND, *args, adapters=(*adapters, self), **kwargs)


def with_adapters(
    weight: Tensor, name: str, first: int, adapters: Sequence[Any], group: dist.ProcessGroup | None
) -> Tensor:
    """The weight (e, O, I), or (e, I, O) where the class has it so, of the experts from `first` on, with what those of
    the `adapters` add that are on the parameter `name`. Ranks of `group` have other experts and the same tokens."""
    mine = slice(first, first + len(weight))
    for layer in (one for one in adapters if one.parameter_name == name and not one.disable_adapters):
        for adapter in (one for one in layer.active_adapters if one in layer.lora_A):
            left, right, scale = layer.get_delta_factors(adapter)
            if group is not None:
                left, right = copied(left, group), copied(right, group)
            with torch.autocast(weight.device.type, enabled=False):  # as PEFT adds them
                weight = torch.baddbmm(weight, left[mine], right[mine], alpha=scale)
    return weight
