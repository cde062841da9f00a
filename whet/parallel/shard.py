"""Shard a model over the ranks (FSDP2), before it has values: each layer, then the root."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

from whet.base.run import Parallel
from whet.contracts.model import Loaded
from whet.kernels.quantized import Quantized
from whet.parallel.world import World


def shard(model: Loaded, world: World, settings: Parallel, forwards: tuple[str, ...]) -> nn.Module:
    """Shard the model's module over the `data` axis. `forwards` are methods of the root that run as a forward.

    The module is on meta and stays there: `whet.parallel.fill` gives every rank the values of its own shards. Quantized
    weights are whole on every rank. Gradients are summed over ranks, not averaged: the loop has divided by global
    weights already.
    """
    module = model.module
    if world.mesh is None:
        return module
    # The blocks of a quantized weight, and those of its magnitudes, do not end where shards would.
    packed: set[torch.nn.Parameter] = {
        parameter for parameter in module.parameters() if isinstance(parameter, Quantized)
    }
    for name in model.layers:
        fully_shard(
            module.get_submodule(name), mesh=world.mesh, reshard_after_forward=settings.reshard, ignored_params=packed
        )
    fully_shard(module, mesh=world.mesh, reshard_after_forward=False, ignored_params=packed)
    _sum_gradients(module, world)
    for name in forwards:
        register_fsdp_forward_method(module, name)
    return module


def _sum_gradients(module: nn.Module, world: World) -> None:
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)
            if world.device.type == "cpu":  # gloo has no PREMUL_SUM
                part.set_force_sum_reduction_for_comms(True)
