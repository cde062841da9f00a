"""World: the ranks of a run, addressed by mesh axes, with the few collectives that the loop needs.

A run on one process is a world of size 1 in which every collective is the identity, so no caller
asks whether it is alone. Where its weights lie on the host it has a mesh of one rank, which FSDP2 works with.
"""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh

from whet.base.launcher import world_size
from whet.base.mesh import AXES
from whet.kernels.layout import patience
from whet.parallel.alone import group_of_one
from whet.parallel.device import device_of
from whet.parallel.joining import join

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup
_BOTH = "cpu:gloo,cuda:nccl"


@dataclass(frozen=True)
class World:
    """The device of this rank and, where there are several ranks, their mesh and a process group for each of AXES.

    Every collective says over which axis; what is asked of `data` is a count of samples' shares, never of ranks.
    """

    device: torch.device
    mesh: DeviceMesh | None = None
    _groups: Mapping[str, ProcessGroup] = field(default_factory=dict)
    _weights: DeviceMesh | None = None
    _experts: DeviceMesh | None = None
    _parts: dict[tuple[str, int], tuple[ProcessGroup, ProcessGroup]] = field(default_factory=dict)
    _alone: ExitStack | None = None

    @classmethod
    def start(
        cls, device: str, timeout_s: int, sizes: Mapping[str, int] | None = None, *, on_host: bool = False
    ) -> World:
        """Join the process group that torchrun's environment describes, or stand alone.

        `sizes` of the mesh are by the names of its dimensions, as in AXES; by default all ranks are on `shard`. With
        `on_host` ranks with GPUs tell each other of tensors in the host's memory too, and who is alone has a mesh.
        """
        size = world_size()
        local = int(os.environ.get("LOCAL_RANK", "0"))
        chosen = device_of(device, local)
        if size == 1 and not on_host:
            return cls(chosen)
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        timeout = datetime.timedelta(seconds=timeout_s)
        if size == 1:
            return cls.alone(chosen)
        if not dist.is_initialized():
            over = _BOTH if on_host else "nccl"
            join(over if chosen.type == "cuda" else "gloo", timeout)
        return cls.over(chosen, _mesh(chosen.type, sizes or {"shard": size}, timeout))

    @classmethod
    def alone(cls, device: torch.device) -> World:
        """This process as the one rank of a mesh, whose shards may lie on the host. `leave` lets go of its group."""
        held = group_of_one(_BOTH if device.type == "cuda" else "gloo")
        return replace(
            cls.over(device, dist.init_device_mesh(device.type, (1,), mesh_dim_names=("shard",))), _alone=held
        )

    @classmethod
    def over(cls, device: torch.device, mesh: DeviceMesh) -> World:
        """The ranks of a mesh whose dimensions are named as in AXES. Every rank calls it, in the same order."""
        own = {axis: _own(mesh, dims) for axis, dims in AXES.items()}
        groups = {
            dims: _group(mesh, dims) for dims in dict.fromkeys(own.values()) if dims
        }  # one for axes that are alike
        found = {axis: groups[dims] for axis, dims in own.items() if dims}
        weights = _over(mesh, found, ("replicate", "fsdp", "tensor"))
        experts = _over(mesh, found, ("replicate", "part", "model")) if "expert" in found else weights
        return cls(device, mesh, found, weights, experts)

    def apart(self) -> World:
        """The same ranks on the same axes, in groups of their own: for a thread that talks to them while the loop does.
        All ranks call it, in the same order."""
        if self.mesh is None:
            return self
        return World.over(self.device, _mesh_of_groups(self.mesh.device_type, self.sizes, patience(self.mesh)))

    @property
    def sizes(self) -> dict[str, int]:
        """Ranks on each dimension of the mesh."""
        return {} if self.mesh is None else dict(zip(self.mesh.mesh_dim_names or (), self.mesh.shape, strict=True))

    def weights(self, *axes: str) -> DeviceMesh | None:
        """The mesh over which weights lie, of those of `axes` that it has: `replicate`, `fsdp`, `tensor`."""
        return _having(self._weights, axes)

    def experts(self, *axes: str) -> DeviceMesh | None:
        """That over which experts lie: `replicate`, `part`, `model`, and that of other weights without `expert`."""
        return _having(self._experts, axes)

    def group(self, axis: str) -> ProcessGroup | None:
        """The ranks that differ from this one on an axis alone, itself among them; None where the mesh lacks it."""
        if axis not in AXES:
            raise KeyError(f"`{axis}` is no axis: one of {', '.join(AXES)}")
        return self._groups.get(axis)

    def parts(self, axis: str, near: int) -> tuple[ProcessGroup | None, ProcessGroup | None]:
        """Of the ranks on an axis: `near` neighbours, this one among them, and those at its place among their
        neighbours; None for this rank alone. Every rank calls it; groups are made once."""
        group = self.group(axis)
        assert group is not None and self.mesh is not None
        if near in (1, group.size()):
            return (group, None) if near > 1 else (None, group)
        if (axis, near) in self._parts:
            return self._parts[axis, near]
        rows = _rows(self.mesh, _own(self.mesh, AXES[axis])).reshape(-1, group.size() // near, near)
        found = []
        for ranks in (rows.reshape(-1, near), rows.transpose(1, 2).reshape(-1, group.size() // near)):
            part, _ = dist.new_subgroups_by_enumeration(ranks.tolist(), timeout=patience(self.mesh))
            found.append(part)
        self._parts[axis, near] = found[0], found[1]
        return found[0], found[1]

    def index(self, axis: str) -> int:
        """This rank's place on an axis."""
        group = self.group(axis)
        return dist.get_group_rank(group, dist.get_rank()) if group is not None else 0

    def count(self, axis: str) -> int:
        """Ranks on an axis."""
        group = self.group(axis)
        return group.size() if group is not None else 1

    @property
    def shares_layers(self) -> bool:
        """Whether a rank computes a part of the layers, or of what goes through them: alone it cannot run the model."""
        return any(self.count(axis) > 1 for axis in ("context", "tensor", "expert", "stages"))

    @property
    def is_writer(self) -> bool:
        """Whether this rank writes what is written once: the first of all, whatever the mesh."""
        return self.index("all") == 0

    def is_first(self, spread: Collection[str] = ()) -> bool:
        """Whether this rank has the first copy of what differs over these dimensions of the mesh, and is the same over
        all others."""
        if self.mesh is None:
            return True
        where = zip(self.mesh.mesh_dim_names or (), self.mesh.get_coordinate() or (), strict=True)
        return all(place == 0 for name, place in where if name not in spread)

    def sums(self, values: Mapping[str, float], axis: str = "loss") -> dict[str, float]:
        """Add each named number over an axis, in float64. Every rank passes the same names."""
        found = self.summed({name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}, axis)
        return dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True)) if found else {}

    def summed(self, numbers: Mapping[str, torch.Tensor], axis: str = "loss") -> dict[str, torch.Tensor]:
        """Add each named tensor () over an axis, in float64, without reading it. Every rank passes the same names."""
        group = self.group(axis)
        if group is None or not numbers:
            return {name: number.double() for name, number in numbers.items()}
        names = sorted(numbers)
        total = torch.stack([numbers[name].double() for name in names]).to(self._wire)
        dist.all_reduce(total, group=group)
        return dict(zip(names, total.to(self.device).unbind(), strict=True))

    def added(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Add each named array over the `data` axis, in its own type (on a CPU in place): what ranks know of their own
        samples. Every rank passes the same names and shapes."""
        group = self.group("data")
        if group is None:
            return dict(arrays)
        summed = {}
        for name in sorted(arrays):
            total = torch.from_numpy(arrays[name]).to(self._wire)
            dist.all_reduce(total, group=group)
            summed[name] = total.cpu().numpy()
        return summed

    def tables(self, parts: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
        """Each rank's `parts` (n, ...), in the order of the `data` axis: tables whose lengths may differ, and which all
        ranks have equally many of, of one dtype and width."""
        group = self.group("data")
        if group is None:
            return [list(parts)]
        lengths = torch.tensor([len(part) for part in parts], device=self._wire)
        all_lengths = [torch.empty_like(lengths) for _ in range(group.size())]
        dist.all_gather(all_lengths, lengths, group=group)
        longest = max(int(own.sum()) for own in all_lengths)
        mine = torch.cat(list(parts)).to(self._wire)
        padded = torch.cat([mine, mine.new_zeros(longest - len(mine), *mine.shape[1:])])
        found = [torch.empty_like(padded) for _ in range(group.size())]
        dist.all_gather(found, padded.contiguous(), group=group)
        return [
            list(table[: int(own.sum())].to(self.device).split(own.tolist()))
            for table, own in zip(found, all_lengths, strict=True)
        ]

    def largest(self, values: Sequence[float]) -> list[float]:
        """The largest of each number over all ranks."""
        if self.mesh is None:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self._wire)
        dist.all_reduce(total, op=dist.ReduceOp.MAX)
        return total.tolist()

    def agreed(self, value: Any) -> Any:
        """Rank 0's value, on every rank."""
        if self.mesh is None:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def told(self, value: Any, axis: str, place: int) -> Any:
        """The value that the rank at `place` on an axis has, on every rank of it. Values are pickled."""
        group = self.group(axis)
        if group is None:
            return value
        box = [value]
        dist.broadcast_object_list(box, group=group, group_src=place)
        return box[0]

    def gathered(self, value: Any, axis: str = "data") -> list[Any]:
        """The value of every rank on an axis, in its order, on each of them. Values are pickled."""
        group = self.group(axis)
        if group is None:
            return [value]
        box: list[Any] = [None] * group.size()
        dist.all_gather_object(box, value, group=group)
        return box

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.mesh is not None:
            dist.barrier(group=self.group("all"))

    def leave(self) -> None:
        """Let go of a group of one rank, if this is one: another attempt makes its own, and ranks stay together."""
        if self._alone is not None:
            self._alone.close()

    def close(self) -> None:
        """Leave the process group."""
        self.leave()
        if self._alone is None and self.mesh is not None and dist.is_initialized():
            dist.destroy_process_group()

    @property
    def _wire(self) -> torch.device:
        return self.device if self.device.type == "cuda" else torch.device("cpu")


def _having(mesh: DeviceMesh | None, axes: Collection[str]) -> DeviceMesh | None:
    """The mesh of those of `axes` that a mesh has."""
    names = () if mesh is None else mesh.mesh_dim_names or ()
    own = tuple(name for name in names if name in axes)
    if mesh is None or not own:
        return None
    return mesh if own == names else mesh[own]


def _over(mesh: DeviceMesh, groups: Mapping[str, ProcessGroup], wanted_axes: Sequence[str]) -> DeviceMesh | None:
    """The ranks that have the same layers, in a mesh of the axes over which weights are cut or copied."""
    axes = [axis for axis in wanted_axes if axis in groups]
    if not axes:
        return None
    names, wanted = list(mesh.mesh_dim_names or ()), [dim for axis in axes for dim in _own(mesh, AXES[axis])]
    others = [name for name in names if name not in wanted]
    ranks = mesh.mesh.permute([names.index(name) for name in (*others, *wanted)])
    place = [mesh.get_local_rank(name) for name in others]
    ranks = ranks[tuple(place)].reshape([groups[axis].size() for axis in axes])
    if len(axes) == 1:
        return DeviceMesh.from_group(groups[axes[0]], mesh.device_type, mesh_dim_names=(axes[0],))
    found = [groups[axis] for axis in axes]
    return DeviceMesh.from_group(found, mesh.device_type, mesh=ranks, mesh_dim_names=tuple(axes))


def _own(mesh: DeviceMesh, dims: Sequence[str]) -> tuple[str, ...]:
    """Those of the dimensions that the mesh has, in its order."""
    return tuple(name for name in mesh.mesh_dim_names or () if name in dims)


def _group(mesh: DeviceMesh, own: Sequence[str]) -> ProcessGroup:
    """The ranks that differ from this one in these dimensions of the mesh alone."""
    if len(own) == 1:
        return mesh.get_group(own[0])
    group, _ = dist.new_subgroups_by_enumeration(_rows(mesh, own).tolist(), timeout=patience(mesh))
    return group


def _rows(mesh: DeviceMesh, own: Sequence[str]) -> torch.Tensor:
    """All ranks (groups, ranks of each), those in a row that differ in these dimensions of the mesh alone."""
    names = list(mesh.mesh_dim_names or ())
    places = [*(names.index(name) for name in names if name not in own), *(names.index(name) for name in own)]
    return mesh.mesh.permute(places).reshape(-1, math.prod(mesh.size(names.index(name)) for name in own))


def _mesh(kind: str, sizes: Mapping[str, int], timeout: datetime.timedelta) -> DeviceMesh:
    """All ranks, in a mesh whose groups wait as long as the run says: those of `init_device_mesh` wait 30 minutes, but
    for the one of all ranks, which is there."""
    if len(sizes) == 1:
        return dist.init_device_mesh(kind, tuple(sizes.values()), mesh_dim_names=tuple(sizes))
    return _mesh_of_groups(kind, sizes, timeout)


def _mesh_of_groups(kind: str, sizes: Mapping[str, int], timeout: datetime.timedelta) -> DeviceMesh:
    """All ranks, in a mesh of groups that are made for it."""
    ranks, groups = torch.arange(math.prod(sizes.values())).view(tuple(sizes.values())), []
    for dim, size in enumerate(sizes.values()):
        group, _ = dist.new_subgroups_by_enumeration(ranks.movedim(dim, -1).reshape(-1, size).tolist(), timeout=timeout)
        groups.append(group)
    if len(groups) == 1:
        return DeviceMesh.from_group(groups[0], kind, mesh_dim_names=tuple(sizes))
    return DeviceMesh.from_group(groups, kind, mesh=ranks, mesh_dim_names=tuple(sizes))
