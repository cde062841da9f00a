"""Fill a sharded model that was built on meta: every rank gets the values of what it holds, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from whet.base.errors import ModelError, WhetError
from whet.base.memory import give_back
from whet.contracts.model import Loaded, Weights
from whet.kernels.layout import Extent as Place
from whet.kernels.layout import Layout, local
from whet.kernels.quantized import Quantized
from whet.models.loading.fill import filled, plain_tensors, settled
from whet.parallel.pipeline.stages import stages_of
from whet.parallel.world import World

# What rank 0 sends goes back to the system whenever this much of it has gone.
RETURNED_BYTES = 64 * 2**20


def fill(model: Loaded, world: World, *, on_host: bool = False) -> Loaded:
    """The model with its values, in place; with `on_host`, shards lie in the host's memory. All ranks call it together.

    What lies in files as the model holds it, every rank reads for itself, no more than its own part. Of all else rank 0
    has the whole made on its CPU: it sends every rank its part of one tensor after another, and lets go of what it has
    sent. So all ranks together hold one copy and RETURNED_BYTES more. Raises ModelError on every rank where rank 0
    cannot make the model, or where it comes with layers that its config does not tell.
    """
    if model.weights is None or world.mesh is None:
        return filled(model, world.device)
    module = model.module
    given = _Given(model.weights, world)
    materialise(module, world.device, on_host=on_host)
    _check(module, given, world)
    _fill_parameters(module, given, world)
    _fill_buffers(module, given, world)
    _fill_attributes(module, given, world)
    give_back()
    if stages_of(module) is None:
        return settled(model)
    # A rank holds a part of the model, whose roles and costs are those of the whole.
    return replace(settled(model), roles=model.roles, costs=model.costs)


class _Held(NamedTuple):
    """What a rank holds of a parameter."""

    place: Place
    dtype: torch.dtype


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
        self.read = set().union(*world.gathered(set(weights.stored), "all"))
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


def materialise(module: nn.Module, device: torch.device, *, on_host: bool = False) -> None:
    """Give meta tensors memory without values, shards that of the host where it is said. Weights that were tied are
    tied again, or ranks would differ."""
    places: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        places.setdefault(id(parameter), []).append(name)
    host = torch.device("cpu")
    module._apply(lambda t: torch.empty_like(t, device=host if on_host and isinstance(t, DTensor) else device))
    for first, *others in places.values():
        for name in others:
            owner, _, attribute = name.rpartition(".")
            if module.get_parameter(name) is not module.get_parameter(first):
                setattr(module.get_submodule(owner), attribute, module.get_parameter(first))


def _check(module: nn.Module, given: _Given, world: World) -> None:
    """Raise ModelError where rank 0 has other tensors than the ranks have built together."""
    own = {name for name, _ in (*module.named_parameters(), *module.named_buffers())}
    every = set().union(*world.gathered(own, "all"))
    beside = set().union(*world.gathered({name for name, _, _ in _attributes(module)}, "all"))
    second = {name for name, _ in module.named_parameters(remove_duplicate=False)} - own
    tied = set().union(*world.gathered(second, "all"))
    others = sorted(every ^ given.names - beside)
    if others and tied.issuperset(others):
        raise ModelError(
            f"the config ties `{others[0]}` to another weight, and the files hold other values for it: ranks have one",
            at="model", hint="tie_word_embeddings: false in its config.json, which keeps both, or train on one process",
        )  # fmt: skip
    if others:
        raise ModelError(
            f"the weights bring layers that a config does not tell, such as `{others[0]}`: ranks cannot share them",
            at="model", hint="train on one process, or from weights that are not quantized",
        )  # fmt: skip


@torch.no_grad()
def _fill_parameters(module: nn.Module, given: _Given, world: World) -> None:
    """Ranks may hold parameters of their own (stages): each gets those that it has, from rank 0 or from files."""
    own = dict(module.named_parameters())
    places = world.gathered({name: _held(parameter) for name, parameter in own.items()}, "all")
    for name in dict.fromkeys(name for held in places for name in held):
        whole, parameter = given.pop(name), own.get(name)
        holders = {rank: held[name] for rank, held in enumerate(places) if name in held}
        if name in given.read:
            if parameter is not None:
                local(parameter.detach()).copy_(given.stored[name].part(Layout.of(parameter).here))
        elif None in holders.values():
            _send_packed(parameter, whole, holders, world)
        else:
            _send(None if parameter is None else local(parameter.detach()), whole, holders, world)


def _held(parameter: nn.Parameter) -> _Held | None:
    return None if isinstance(parameter, Quantized) else _Held(Layout.of(parameter).here, parameter.dtype)


def _send(mine: Tensor | None, whole: Tensor | None, holders: Mapping[int, _Held], world: World) -> None:
    """Every holder's part from rank 0, in the holder's dtype, straight into its place."""
    if not world.is_writer:
        if mine is not None and mine.numel():
            here = mine if mine.device.type == world.device.type else torch.empty_like(mine, device=world.device)
            dist.recv(here, src=0)  # NCCL reaches no memory of the host
            if here is not mine:
                mine.copy_(here)
        return
    assert whole is not None
    for rank, held in holders.items():
        if rank == 0 and mine is not None:
            mine.copy_(whole[held.place])
        elif (part := whole[held.place]).numel():
            dist.send(part.to(world.device, held.dtype).contiguous(), dst=rank)


def _send_packed(mine: Any, whole: Any, holders: Iterable[int], world: World) -> None:
    """The parts of a quantized weight, as bytes: quantizing it again elsewhere would not give the same."""
    if mine is None and not world.is_writer:
        return
    for name, part in (whole if world.is_writer else mine).parts.items():
        full = part.to(world.device) if world.is_writer else torch.empty_like(part, device=world.device)
        bits = full.contiguous().view(-1).view(torch.uint8)
        if not world.is_writer:
            dist.recv(bits, src=0)
        for rank in (rank for rank in holders if rank and world.is_writer):
            dist.send(bits, dst=rank)
        if mine is not None:
            mine.parts[name] = full


@torch.no_grad()
def _fill_buffers(module: nn.Module, given: _Given, world: World) -> None:
    """Buffers are whole on every rank. On meta they were never computed, so rank 0 sends those that no file holds."""
    own = dict(module.named_buffers())
    kinds = world.gathered({name: (buffer.shape, buffer.dtype) for name, buffer in own.items()}, "all")
    for name, (shape, _) in {name: kind for held in kinds for name, kind in held.items()}.items():
        value, buffer = given.pop(name), own.get(name)
        if name in given.read:
            if buffer is not None:
                buffer.copy_(given.stored[name].part(Layout.of(buffer).here))
            continue
        # In a dtype that holds those of all ranks: a broadcast is of one.
        dtype = reduce(torch.promote_types, (held[name][1] for held in kinds if name in held))
        sent = torch.empty(shape, dtype=dtype, device=world.device)
        if value is not None:
            sent.copy_(value)
        dist.broadcast(sent, src=0)
        if buffer is not None:
            buffer.copy_(sent)


def _fill_attributes(module: nn.Module, given: _Given, world: World) -> None:
    own = {name: (owner, last) for name, owner, last in _attributes(module)}
    for name in dict.fromkeys(name for held in world.gathered(list(own), "all") for name in held):
        value = given.pop(name)
        found = world.agreed(None if value is None else value.cpu())
        if name in own:
            owner, last = own[name]
            setattr(owner, last, found.to(world.device))
