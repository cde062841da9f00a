"""Shard a model over the ranks (FSDP2): each layer, then the root, then the weights from rank 0."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor

from whet.base.run import Parallel
from whet.contracts.model import Loaded
from whet.kernels.quantized import Quantized
from whet.parallel.world import World


def shard(model: Loaded, world: World, settings: Parallel, forwards: tuple[str, ...]) -> nn.Module:
    """Shard the model's module over the `data` axis. `forwards` are methods of the root that run as a forward.

    Rank 0 holds real weights, the others are on meta: weights are broadcast tensor by tensor, and every rank keeps its
    own shards only; quantized weights are whole on every rank. Gradients are summed over ranks, not averaged: the
    loop has divided by global weights already.
    """
    module = model.module
    if world.mesh is None:
        return module.to(world.device)
    weights = {name: p.detach() for name, p in module.named_parameters()} if world.is_writer else {}
    buffers = {name: b.detach() for name, b in module.named_buffers()} if world.is_writer else {}
    if not world.is_writer:
        _materialise(module)
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
    _broadcast_parameters(module, weights, world)
    _broadcast_buffers(module, buffers, world)
    return module


def _sum_gradients(module: nn.Module, world: World) -> None:
    for part in module.modules():
        if isinstance(part, FSDPModule):
            part.set_gradient_divide_factor(1.0)
            if world.device.type == "cpu":  # gloo has no PREMUL_SUM
                part.set_force_sum_reduction_for_comms(True)


def _materialise(module: nn.Module) -> None:
    """Give meta tensors memory without values. Weights that were tied are tied again, or ranks would differ."""
    places: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(name)
    module.to_empty(device="cpu")
    for first, *others in places.values():
        for name in others:
            owner, _, attribute = name.rpartition(".")
            setattr(module.get_submodule(owner), attribute, module.get_parameter(first))


@torch.no_grad()
def _broadcast_parameters(module: nn.Module, weights: dict[str, torch.Tensor], world: World) -> None:
    for name, parameter in module.named_parameters():
        if isinstance(parameter, Quantized):
            _broadcast_packed(parameter, weights.pop(name, None), world)
            continue
        full = torch.empty(parameter.shape, dtype=parameter.dtype, device=world.device)
        if world.is_writer:
            full.copy_(weights.pop(name))
        dist.broadcast(full, src=0)
        if isinstance(parameter, DTensor):
            shards = distribute_tensor(full, parameter.device_mesh, parameter.placements, src_data_rank=None)
            parameter.to_local().copy_(shards.to_local())
        else:
            parameter.copy_(full)


def _broadcast_packed(weight: Quantized, whole: torch.Tensor | None, world: World) -> None:
    """The parts of a quantized weight, bit for bit: quantizing it again elsewhere would not give the same."""
    for name, part in weight.parts.items():
        full = whole.parts[name].to(world.device) if isinstance(whole, Quantized) else part.to(world.device)
        dist.broadcast(full, src=0)
        weight.parts[name] = full


@torch.no_grad()
def _broadcast_buffers(module: nn.Module, values: dict[str, torch.Tensor], world: World) -> None:
    """All buffers come from rank 0, non-persistent ones too: on meta they were never computed."""
    for name, buffer in module.named_buffers():
        if world.is_writer:
            buffer.copy_(values[name])
        dist.broadcast(buffer, src=0)
