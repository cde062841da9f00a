"""Ranks that are not there: a step of one rank of a mesh without values, beside others that never answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor.debug import _clear_sharding_prop_cache

from whet.base.errors import RunError
from whet.base.mesh import ORDER
from whet.parallel.world import World


class Alone(World):
    """A rank whose collectives have the shapes that they would have; what others would tell is what it knows itself."""

    def told(self, value: Any, axis: str, place: int) -> Any:
        return _with_zeros(value)

    def agreed(self, value: Any) -> Any:
        return value

    def gathered(self, value: Any, axis: str = "data") -> list[Any]:
        group = self.group(axis)
        return [value] * (1 if group is None else group.size())


def _with_zeros(value: Any) -> Any:
    """The value, in which figures that only another rank has are 0."""
    if isinstance(value, tuple):
        return tuple(map(_with_zeros, value))
    return defaultdict(float, value) if isinstance(value, dict) else value


@contextmanager
def rank_alone(sizes: Mapping[str, int], rank: int) -> Iterator[World]:
    """The rank of this number in a mesh of these sizes, without any other. torch's group `fake` takes what is sent and
    gives back nothing.

    Raises RunError in a process that has ranks of its own.
    """
    from torch.testing._internal.distributed import fake_pg  # the import makes the backend known (torch 2.13)

    if dist.is_initialized():
        raise RunError("a rank of this process is at work already", hint="plan it before torchrun, in one process")
    own = {axis: sizes[axis] for axis in ORDER if axis in sizes}
    ranks = 1
    for size in own.values():
        ranks *= size
    dist.init_process_group("fake", rank=rank, world_size=ranks, store=fake_pg.FakeStore())
    try:
        mesh = init_device_mesh("cpu", tuple(own.values()), mesh_dim_names=tuple(own))
        yield Alone.over(torch.device("cpu"), mesh)
    finally:
        dist.destroy_process_group()
        _clear_sharding_prop_cache()  # torch (2.13) knows meshes by their ranks and groups by name, and those are gone
