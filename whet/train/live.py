"""The weights of a model in training, one by one under the names of its published files, adapters folded in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.base.errors import RunError
from whet.kernels.dense import dense
from whet.models.adapters import wrapper_of
from whet.models.language import unwrapped
from whet.models.value_head import is_of_head


def live_tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """(name as transformers saves it, whole tensor on its device) of each weight as it is now; tied ones once.

    Gathers one tensor at a time; with FSDP all ranks take part. Raises RunError for sharded adapters.
    """
    if wrapper_of(module) is None:
        for name, parameter in module.named_parameters():
            if not is_of_head(name):
                yield name, _whole(parameter)
        return
    if any(isinstance(p, DTensor) for p in module.parameters()):
        raise RunError(
            "weights of an adapter cannot be sent while they are sharded", at="rollout.engine", hint="tuner: full"
        )
    yield from _merged(unwrapped(module))


def _merged(base: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Weights of the base model, each with what its adapter adds. Parameters of adapters have no name outside."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = {name: part for name, part in base.named_modules() if isinstance(part, BaseTunerLayer)}
    for name, parameter in base.named_parameters():
        owner, _, last = name.rpartition(".")
        if owner.endswith(".base_layer"):
            layer: Any = layers[owner.removesuffix(".base_layer")]
            with torch.no_grad():
                whole = _whole(parameter)
                if last == "weight":
                    for adapter in layer.active_adapters:
                        whole = whole + layer.get_delta_weight(adapter).to(whole)
            yield f"{owner.removesuffix('.base_layer')}.{last}", whole
        elif not any(name.startswith(f"{layer}.") for layer in layers):
            yield name, _whole(parameter)


def _whole(parameter: Tensor) -> Tensor:
    whole = parameter.full_tensor() if isinstance(parameter, DTensor) else parameter
    return dense(whole.detach())
