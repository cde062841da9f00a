"""Where a tensor lies: the part of it that this rank holds, and which ranks hold the other parts, or copies.

Placements are torch's own: shards over any dimensions of a mesh, by any dimension of the tensor (FSDP2, tensor and
expert placements), copies over others (HSDP). A plain tensor lies whole on every rank that has it.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor, Shard
from torch.distributed.tensor._utils import _compute_local_shape_and_global_offset  # torch 2.13 has no public one

from whet.base.errors import ConfigError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.tensor.placement_types import Placement

Extent = tuple[slice, ...]
# torch 2.13 warns of the name that 2.11 has alone.
gather_rows: Any = getattr(dist, "all_gather_single", None) or dist.all_gather_into_tensor


@dataclass(frozen=True)
class Layout:
    """The global `shape` of a tensor, and its placement over each dimension of a mesh (none: it is plain)."""

    shape: torch.Size
    mesh: DeviceMesh | None = None
    placements: tuple[Placement, ...] = ()

    @classmethod
    def of(cls, tensor: Tensor) -> Layout:
        if not isinstance(tensor, DTensor):
            return cls(tensor.shape)
        return cls(tensor.shape, tensor.device_mesh, tuple(tensor.placements))

    @cached_property
    def over(self) -> tuple[int, ...]:
        """The dimensions of the mesh over which shards differ; over all others they are copies."""
        if self.mesh is None:
            return ()
        return tuple(i for i, p in enumerate(self.placements) if not p.is_replicate() and self.mesh.size(i) > 1)

    @property
    def is_whole(self) -> bool:
        """Whether all of it lies on this rank, and on every other."""
        return not self.over

    @property
    def has_whole_rows(self) -> bool:
        """Whether what lies here are whole rows, those of the first dimension."""
        return all(dim == 0 for dim in self._dims)

    @property
    def spread(self) -> tuple[DeviceMesh | None, tuple[int, ...]]:
        """What layouts have in common whose shards lie on the same ranks."""
        return (self.mesh if self.over else None), self.over

    @cached_property
    def here(self) -> Extent:
        """The part that this rank holds."""
        if self.mesh is None:
            return tuple(slice(0, size) for size in self.shape)
        return self.at(self.mesh.get_coordinate() or ())

    @property
    def local_shape(self) -> tuple[int, ...]:
        return tuple(part.stop - part.start for part in self.here)

    @property
    def first_row(self) -> int:
        """The global index of the first row that lies here."""
        return self.here[0].start if self.shape else 0

    @property
    def row_numbers(self) -> int:
        """Numbers in a whole row."""
        return math.prod(self.shape[1:])

    def at(self, coordinate: Sequence[int]) -> Extent:
        """The part that the rank at a coordinate of the mesh holds."""
        assert self.mesh is not None
        sizes, starts = _compute_local_shape_and_global_offset(
            self.shape, self.mesh.shape, list(coordinate), self.placements
        )
        # Beyond the last row torch starts a shard of none at the end.
        return tuple(slice(start, start + size) for start, size in zip(starts, sizes, strict=True))

    def columns(self, device: torch.device) -> Tensor | None:
        """The place in its row of each number (K,) of a row that lies here; None where rows lie here whole."""
        if self.has_whole_rows:
            return None
        places = torch.zeros((), dtype=torch.int64, device=device)
        for size, part in zip(self.shape[1:], self.here[1:], strict=True):
            places = places.unsqueeze(-1) * size + torch.arange(part.start, part.stop, device=device)
        return places.reshape(-1)

    def by_rows(self) -> Layout:
        """The same tensor cut by rows over the same ranks."""
        if self.has_whole_rows:
            return self
        return Layout(
            self.shape, self.mesh, tuple(Shard(0) if i in self.over else p for i, p in enumerate(self.placements))
        )

    def moved(self, shard: Tensor, there: Layout) -> Tensor:
        """This rank's shard of the tensor in another layout over the same mesh, from the one in this layout."""
        if self is there or self == there:
            return shard
        whole: Any = self.whole(shard.reshape(self.local_shape))
        return whole.redistribute(placements=there.placements).to_local().contiguous()  # padding may be cut off it

    def whole(self, shard: Tensor, size: Sequence[int] | None = None) -> Tensor:
        """The distributed tensor (of another `size`, where only rows are cut) whose shard on this rank this is."""
        if self.mesh is None:
            return shard
        shape = torch.Size(size or self.shape)
        stride = torch.empty(shape, device="meta").stride()
        return DTensor.from_local(shard, self.mesh, self.placements, run_check=False, shape=shape, stride=stride)

    def blank(self, size: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
        """An empty tensor of a size that lies like this one."""
        like = Layout(torch.Size(size), self.mesh, self.placements)
        return like.whole(torch.empty(like.local_shape, dtype=dtype, device=device))

    def combine(self, numbers: Tensor, how: dist.ReduceOp.RedOpType = dist.ReduceOp.SUM) -> Tensor:
        """Sums (or another reduction) over the ranks whose shards differ, in place."""
        for dim in self.over:
            assert self.mesh is not None
            dist.all_reduce(numbers, op=how, group=self.mesh.get_group(dim))
        return numbers

    def gathered(self, shard: Tensor) -> Tensor:
        """The whole tensor, on every rank, of what lies here: in one exchange for each dimension of the mesh that cuts
        it. All ranks call it together."""
        assert self.mesh is not None
        places = [self.at(coordinate) for coordinate in self._coordinates()]
        most = max(_numbers(place) for place in places)
        rows = torch.cat([shard.reshape(-1), shard.new_zeros(most - shard.numel())])
        for dim in reversed(self.over):
            found = rows.new_empty(self.mesh.size(dim) * rows.numel())
            gather_rows(found, rows, group=self.mesh.get_group(dim))
            rows = found
        whole = shard.new_empty(self.shape)
        for place, row in zip(places, rows.view(-1, most), strict=True):
            whole[place] = row[: _numbers(place)].view(whole[place].shape)
        return whole

    def holders(self) -> list[tuple[int, Sequence[int]]]:
        """The ranks that hold the shards of one copy, this rank's own, ascending, and their coordinates."""
        assert self.mesh is not None
        ranks = self.mesh.mesh
        return sorted((int(ranks[own]), own) for own in self._coordinates())

    def _coordinates(self) -> Iterator[tuple[int, ...]]:
        """Where the shards of one copy lie, the last dimension of the mesh innermost."""
        assert self.mesh is not None
        own = list(self.mesh.get_coordinate() or ())
        for places in itertools.product(*(range(self.mesh.size(dim)) for dim in self.over)):
            for dim, place in zip(self.over, places, strict=True):
                own[dim] = place
            yield tuple(own)

    def check(self, name: str) -> None:
        """Refuse what no rule can step. Raises ConfigError for sums that are still to be made, and for shards that are
        scattered over the tensor."""
        if any(placement.is_partial() for placement in self.placements):
            raise ConfigError(
                f"`{name}` is laid out as {self.placements}: a weight is no sum that is still to be made",
                at="parallel", hint="optimizer: adamw, without tensor or expert parallelism",
            )  # fmt: skip
        if not self.is_in_runs:
            raise ConfigError(
                f"`{name}` is laid out as {self.placements}, in shards that are scattered over it", at="parallel",
                hint=f"sizes of the mesh that divide {tuple(self.shape)}",
            )  # fmt: skip

    @property
    def _dims(self) -> Iterator[int]:
        """The tensor's dimensions that are cut."""
        return (self.placements[axis].dim for axis in self.over)  # type: ignore[attr-defined]

    @property
    def is_in_runs(self) -> bool:
        """Whether every shard is a run along each dimension of the tensor."""
        return not any(self._is_scattered(dim) for dim in set(self._dims))

    def _is_scattered(self, dim: int) -> bool:
        """Whether a shard is no run along this dimension (some of torch's strided placements), so that runs of its
        length overlap."""
        parts = {(part.start, part.stop) for _, at in self.holders() if (part := self.at(at)[dim]).stop > part.start}
        ends = [0, *(stop for _, stop in sorted(parts))]
        return [start for start, _ in sorted(parts)] != ends[:-1]


def joint_group(layout: Layout) -> ProcessGroup:
    """The process group of a layout's holders. All of them call it, at the same time and in the same order."""
    assert layout.mesh is not None
    if len(layout.over) == 1:
        return layout.mesh.get_group(layout.over[0])
    ranks = [rank for rank, _ in layout.holders()]
    world = dist.group.WORLD
    if world is not None and ranks == list(range(world.size())):
        return world
    group = dist.new_group(ranks, timeout=patience(layout.mesh), use_local_synchronization=True)
    assert group is not None
    return group


def _numbers(place: Extent) -> int:
    return math.prod(part.stop - part.start for part in place)


def patience(mesh: DeviceMesh) -> datetime.timedelta:
    """How long ranks of a mesh wait for each other, which torch does not hand on to groups made of them."""
    options: Any = mesh.get_group(0)._get_backend(torch.device(mesh.device_type)).options  # torch 2.13: no public one
    # Groups of ranks that are not there (backend `fake`) tell none.
    return getattr(options, "_timeout", datetime.timedelta(minutes=10))


def local(tensor: Tensor) -> Tensor:
    """This rank's part of a distributed tensor, or the tensor itself."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole_tensor(tensor: Tensor) -> Tensor:
    """All of a distributed tensor, without a gradient, on every rank that has a part of it; or the tensor itself."""
    if not isinstance(tensor, DTensor):
        return tensor
    layout = Layout.of(tensor)
    if sum(not placement.is_replicate() for placement in layout.placements) < 2 or not layout.is_in_runs:
        return tensor.full_tensor().detach()
    # torch (2.13) gathers one dimension of the mesh after another too, those of one rank as well, and warns of it.
    return layout.gathered(tensor.to_local().detach())


def lying(tensor: Tensor, shard: Tensor) -> Tensor:
    """A tensor that is distributed as the given one, whose part on this rank is `shard`, on whatever device."""
    # `from_local` (torch 2.13) brings shards to the devices of the mesh; FSDP2's own offload does as is done here.
    return DTensor(shard, tensor._spec, requires_grad=False) if isinstance(tensor, DTensor) else shard


def gradient(parameter: Tensor) -> Tensor:
    """This rank's part of a parameter's gradient, which lies as the parameter does, or is brought there."""
    grad = parameter.grad
    assert grad is not None
    if isinstance(grad, DTensor) and isinstance(parameter, DTensor) and grad.placements != parameter.placements:
        grad = grad.redistribute(placements=parameter.placements)
    return local(grad)
