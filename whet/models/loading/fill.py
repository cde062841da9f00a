"""Filling on one process: a module that was built on meta gets its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from whet.contracts.model import Loaded, Readable
from whet.kernels.quantized import Quantized
from whet.models.loading.loaded import costs_of
from whet.models.roles import roles

CPU = torch.device("cpu")


def filled(model: Loaded, device: torch.device = CPU) -> Loaded:
    """The model with its values, on `device`, in place; one that has them already is moved there."""
    if model.weights is not None:
        put(model.module, model.weights.make())
        _read(model.module, model.weights.stored, device)
    model.module.to(device)
    return settled(model)


def _read(module: nn.Module, stored: Mapping[str, Readable], device: torch.device) -> None:
    """Values that lie in files, one after the other, straight to where they stay."""
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if name in stored:
            place = tuple(slice(0, size) for size in tensor.shape)
            value = torch.empty(tensor.shape, dtype=tensor.dtype, device=device).copy_(stored[name].part(place))
            if isinstance(tensor, nn.Parameter):
                tensor.data = value  # the object stays, and with it what is tied
            else:  # a buffer of meta takes no data of another device
                owner, _, own = name.rpartition(".")
                module.get_submodule(owner).register_buffer(own, value)


def settled(model: Loaded) -> Loaded:
    """What a model tells of itself once its module has values: what was tried on them, and parts that they brought."""
    if model.weights is None:
        return model
    notices = (*model.capabilities.notices, *model.weights.tried(model.module))
    found = roles(model.module)
    return replace(
        model, capabilities=replace(model.capabilities, notices=notices), roles=found,
        costs=costs_of(model.module, found), weights=None,
    )  # fmt: skip


def put(empty: nn.Module, full: nn.Module) -> None:
    """Give `empty`, a module on meta, the parameters and buffers of `full`, which is used up; ties stay ties.

    Values take the dtype that `empty` has. Where a part of `full` is of another class, or holds other tensors (layers
    that a library quantizes while it reads their weights), the part itself is taken.
    """
    _take(empty, full)
    own = vars(empty)
    for name, value in vars(full).items():  # what reading a checkpoint leaves at the root, such as how it was quantized
        if name not in own and not callable(value):
            own[name] = value


def _take(empty: Any, full: Any) -> None:
    for name, value in full._parameters.items():
        empty._parameters[name] = _cast(value, empty._parameters.get(name))
    for name, value in full._buffers.items():
        empty._buffers[name] = _narrowed(value, empty._buffers.get(name))
    for name, value in plain_tensors(full):
        vars(empty)[name] = value
    for name, part in full._modules.items():
        own = empty._modules.get(name)
        if own is None or part is None or not _alike(own, part):
            empty._modules[name] = part
        else:
            _take(own, part)


def plain_tensors(part: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Tensors that a module holds as mere attributes (the first frequencies of a rotary embedding)."""
    return ((name, value) for name, value in list(vars(part).items()) if isinstance(value, Tensor))


def _cast(value: nn.Parameter | None, own: nn.Parameter | None) -> nn.Parameter | None:
    if value is None or own is None or isinstance(value, Quantized) or value.dtype == own.dtype:
        return value
    value.data = value.data.to(own.dtype)  # the object stays, and with it what is tied
    return value


def _narrowed(value: Tensor | None, own: Tensor | None) -> Tensor | None:
    """A buffer of a module that was built wider than it runs: adapters are folded in in float32."""
    if value is None or own is None or not own.is_floating_point() or own.itemsize >= value.itemsize:
        return value
    return value.to(own.dtype)


def _alike(own: nn.Module, part: nn.Module) -> bool:
    """Whether a part on meta may keep its place, and take the other's values alone."""
    if type(own) is not type(part) or ("forward" in vars(part) and "forward" not in vars(own)):
        return False
    return own._parameters.keys() == part._parameters.keys() and own._buffers.keys() == part._buffers.keys()
