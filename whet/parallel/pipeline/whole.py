"""Whole tensors of a model that lies on the stages of a pipeline: one at a time, on every stage."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
import torch.distributed as dist
from torch import Tensor, nn

from whet.parallel.whole import whole_tensors
from whet.parallel.world import World


def whole_of_stages(
    module: nn.Module, world: World, names: Collection[str] | None = None
) -> Iterator[tuple[str, Tensor]]:
    """As `whole_tensors`, of all stages: each rank gives what it holds to those of the other stages."""
    return in_turn(whole_tensors(module, names), world)


def in_turn(own: Iterator[tuple[str, Tensor]], world: World) -> Iterator[tuple[str, Tensor]]:
    """What every stage has of its `own`, on all of them, one stage after the other; of one stage what it has."""
    if world.group("stages") is None:
        yield from own
        return
    seen = set[str]()
    for place in range(world.count("stages")):
        for name, tensor in _given(own if place == world.index("stages") else iter(()), place, world):
            if name not in seen:  # what two stages have in common
                seen.add(name)
                yield name, tensor
            del tensor  # before the next one is put together


def _given(own: Iterator[tuple[str, Tensor]], place: int, world: World) -> Iterator[tuple[str, Tensor]]:
    """What the rank at this place has, on all of its axis."""
    group = world.group("stages")
    while True:
        name, tensor = next(own, (None, None))
        header = world.told(None if tensor is None else (name, tuple(tensor.shape), tensor.dtype), "stages", place)
        if header is None:
            return
        name, shape, dtype = header
        whole = torch.empty(shape, dtype=dtype, device=world.device) if tensor is None else tensor.contiguous()
        dist.broadcast(whole, group=group, group_src=place)
        yield name, whole
        del tensor, whole
