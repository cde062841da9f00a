"""Fill a sharded model that was built on meta: every rank gets the values of what it holds, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

from whet.base.errors import ModelError, WhetError
from whet.base.memory import give_back
from whet.contracts.model import Loaded, Weights
from whet.kernels.quantized import Quantized
from whet.models.loading.fill import filled, plain_tensors, settled
from whet.parallel.world import World

# What rank 0 sends goes back to the system whenever this much of it has gone.
RETURNED_BYTES = 64 * 2**20
# Where a rank's part of a tensor lies in the whole: a slice for each dimension.
Place = tuple[slice, ...]


def fill(model: Loaded, world: World) -> Loaded:
    """The model with its values, in place. All ranks call it together.

    What lies in files as the model holds it, every rank reads for itself, no more than its own part. Of all else rank 0
    has the whole made on its CPU: it sends every rank its part of one tensor after another, and lets go of what it has
    sent. So all ranks together hold one copy and RETURNED_BYTES more. Raises ModelError on every rank where rank 0
    cannot make the model, or where it comes with layers that its config does not tell.
    """
    if model.weights is None or world.mesh is None:
        return filled(model, world.device)
    module = model.module
    given = _Given(model.weights, world)
    _materialise(module, world.device)
    _check(module, given, world)
    _fill_parameters(module, given, world)
    _fill_buffers(module, given, world)
    _fill_attributes(module, given, world)
    give_back()
    return settled(model)


class _Given:
    """Values by name on rank 0, each let go of when it is taken; nothing on others."""

    def __init__(self, weights: Weights, world: World) -> None:
        self._tensors: dict[str, Tensor] = {}
        self._taken = 0
        failure: WhetError | None = None
        if world.is_writer:
            try:
                self._tensors = _torn(weights.make())
            except WhetError as error:
                failure = error
        self.stored = weights.stored
        told = world.agreed(failure and failure.message)
        if failure is not None:
            raise failure
        if told is not None:
            raise ModelError(told, hint="rank 0 says more")
        self.names = set(world.agreed(sorted(self._tensors)))

    def pop(self, name: str) -> Tensor | None:
        tensor = self._tensors.pop(name, None)
        self._taken += 0 if tensor is None else tensor.nbytes
        if self._taken > RETURNED_BYTES:
            give_back()
            self._taken = 0
        return tensor


def _torn(module: nn.Module) -> dict[str, Tensor]:
    """The tensors of a module by name, which alone hold them from now on: modules lie in circles that outlive them."""
    tensors = {name: parameter.detach() for name, parameter in module.named_parameters()}
    tensors |= dict(module.named_buffers()) | {name: getattr(owner, last) for name, owner, last in _attributes(module)}
    for part in module.modules():
        part._parameters.clear()
        part._buffers.clear()
        for name, _ in list(plain_tensors(part)):
            del vars(part)[name]
    return tensors


def _attributes(module: nn.Module) -> Iterator[tuple[str, Any, str]]:
    for owner_name, owner in module.named_modules():
        for name, _ in plain_tensors(owner):
            yield f"{owner_name}.{name}".lstrip("."), owner, name


def _materialise(module: nn.Module, device: torch.device) -> None:
    """Give meta tensors memory without values. Weights that were tied are tied again, or ranks would differ."""
    places: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(name)
    module.to_empty(device=device)
    for first, *others in places.values():
        for name in others:
            owner, _, attribute = name.rpartition(".")
            if module.get_parameter(name) is not module.get_parameter(first):
                setattr(module.get_submodule(owner), attribute, module.get_parameter(first))


def _check(module: nn.Module, given: _Given, world: World) -> None:
    """Raise ModelError where rank 0 has other tensors than the module that the ranks have built."""
    own = {name for name, _ in module.named_parameters()} | {name for name, _ in module.named_buffers()}
    if others := sorted(own ^ given.names - {name for name, _, _ in _attributes(module)}):
        raise ModelError(
            f"the weights bring layers that a config does not tell, such as `{others[0]}`: ranks cannot share them",
            at="model", hint="train on one process, or from weights that are not quantized",
        )  # fmt: skip


@torch.no_grad()
def _fill_parameters(module: nn.Module, given: _Given, world: World) -> None:
    own = {name: _place(p) for name, p in module.named_parameters() if not isinstance(p, Quantized)}
    places: list[dict[str, Place]] = [{} for _ in range(dist.get_world_size())]
    dist.all_gather_object(places, own)
    for name, parameter in module.named_parameters():
        whole = given.pop(name)
        if isinstance(parameter, Quantized):
            _broadcast_packed(parameter, whole, world)
        elif name in given.stored:
            _local(parameter).copy_(given.stored[name].part(own[name]))
        else:
            _send(_local(parameter), whole, [place[name] for place in places])


def _place(parameter: Tensor) -> Place:
    """Which part of a parameter this rank holds."""
    if not isinstance(parameter, DTensor):
        return tuple(slice(0, size) for size in parameter.shape)
    shape, offset = compute_local_shape_and_global_offset(parameter.shape, parameter.device_mesh, parameter.placements)
    return tuple(slice(start, start + size) for start, size in zip(offset, shape, strict=True))


def _local(parameter: Tensor) -> Tensor:
    return parameter.to_local() if isinstance(parameter, DTensor) else parameter.data


def _send(local: Tensor, whole: Tensor | None, places: list[Place]) -> None:
    """Every rank's part from rank 0, straight into its place."""
    if whole is None:
        if local.numel():
            dist.recv(local, src=0)
        return
    local.copy_(whole[places[0]])
    for rank, place in enumerate(places[1:], 1):
        if (part := whole[place]).numel():
            dist.send(part.to(local.device, local.dtype).contiguous(), dst=rank)


def _broadcast_packed(weight: Quantized, whole: Tensor | None, world: World) -> None:
    """The parts of a quantized weight, bit for bit: quantizing it again elsewhere would not give the same."""
    for name, part in weight.parts.items():
        full = whole.parts[name].to(world.device) if isinstance(whole, Quantized) else part.to(world.device)
        dist.broadcast(full, src=0)
        weight.parts[name] = full


@torch.no_grad()
def _fill_buffers(module: nn.Module, given: _Given, world: World) -> None:
    """Buffers are whole on every rank. On meta they were never computed, so rank 0 sends those that no file holds."""
    for name, buffer in module.named_buffers():
        value = given.pop(name)
        if name in given.stored:
            buffer.copy_(given.stored[name].part(_place(buffer)))
            continue
        if value is not None:
            buffer.copy_(value)
        dist.broadcast(buffer, src=0)


def _fill_attributes(module: nn.Module, given: _Given, world: World) -> None:
    for name, owner, last in list(_attributes(module)):
        value = given.pop(name)
        setattr(owner, last, world.agreed(None if value is None else value.cpu()).to(world.device))
