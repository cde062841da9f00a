"""World: the ranks of a run, addressed by mesh axes, with the few collectives that the loop needs.

A run on one process is a world of size 1 in which every collective is the identity, so no caller
asks whether it is alone.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.distributed as dist

from whet.base.errors import RunError

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


@dataclass(frozen=True)
class World:
    """The device of this rank and, where there are several ranks, their mesh.

    Axes: `data` (ranks that see different samples), `loss` (ranks whose sums are added) and
    `model` (ranks that hold parts of one model). With data parallelism alone the first two are
    the whole mesh and `model` has size 1.
    """

    device: torch.device
    mesh: DeviceMesh | None = None

    @classmethod
    def start(cls, device: str, timeout_s: int) -> World:
        """Join the process group that torchrun's environment describes, or stand alone."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        local = int(os.environ.get("LOCAL_RANK", "0"))
        chosen = device_of(device, local)
        if size == 1:
            return cls(chosen)
        if chosen.type == "cuda":
            torch.cuda.set_device(chosen)
        if not dist.is_initialized():
            backend = "nccl" if chosen.type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=datetime.timedelta(seconds=timeout_s))
        mesh = dist.init_device_mesh(chosen.type, (size,), mesh_dim_names=("data",))
        return cls(chosen, mesh)

    @property
    def rank(self) -> int:
        """This rank's place on the `data` axis."""
        return self.mesh.get_local_rank("data") if self.mesh else 0

    @property
    def size(self) -> int:
        """Ranks on the `data` axis."""
        return self.mesh.size() if self.mesh else 1

    @property
    def leads(self) -> bool:
        """Whether this rank writes what is written once."""
        return self.rank == 0

    def sums(self, values: Mapping[str, float]) -> dict[str, float]:
        """Add each named number over the `loss` axis, in float64. Every rank passes the same names."""
        if self.mesh is None:
            return dict(values)
        names = sorted(values)
        total = torch.tensor([values[n] for n in names], dtype=torch.float64, device=self._wire)
        dist.all_reduce(total, group=self.mesh.get_group("data"))
        return dict(zip(names, total.tolist(), strict=True))

    def added(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Add each named array over the `loss` axis, in its own type. Every rank passes the same names and shapes."""
        if self.mesh is None:
            return dict(arrays)
        summed = {}
        for name in sorted(arrays):
            total = torch.from_numpy(arrays[name]).to(self._wire)
            dist.all_reduce(total, group=self.mesh.get_group("data"))
            summed[name] = total.cpu().numpy()
        return summed

    def tables(self, parts: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
        """Each rank's `parts` (n, ...), in the order of ranks: tables whose lengths may differ, and which all ranks
        have equally many of, of one dtype and width."""
        if self.mesh is None:
            return [list(parts)]
        group = self.mesh.get_group("data")
        lengths = torch.tensor([len(part) for part in parts], device=self._wire)
        all_lengths = [torch.empty_like(lengths) for _ in range(self.size)]
        dist.all_gather(all_lengths, lengths, group=group)
        longest = max(int(own.sum()) for own in all_lengths)
        mine = torch.cat(list(parts)).to(self._wire)
        padded = torch.cat([mine, mine.new_zeros(longest - len(mine), *mine.shape[1:])])
        found = [torch.empty_like(padded) for _ in range(self.size)]
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

    def gathered(self, value: Any) -> list[Any]:
        """Every rank's value, in rank order, on every rank. Values are pickled."""
        if self.mesh is None:
            return [value]
        box: list[Any] = [None] * self.size
        dist.all_gather_object(box, value)
        return box

    def wait(self) -> None:
        """Return when every rank has come here."""
        if self.mesh is not None:
            dist.barrier()

    def close(self) -> None:
        """Leave the process group."""
        if self.mesh is not None and dist.is_initialized():
            dist.destroy_process_group()

    @property
    def _wire(self) -> torch.device:
        return self.device if self.device.type == "cuda" else torch.device("cpu")


def device_of(name: str, local_rank: int = 0) -> torch.device:
    """The device that `train.device` means on a rank. Raises RunError where this machine has no such one."""
    if name == "auto":
        name = f"cuda:{local_rank}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RunError(f"`{name}` is not a device", at="train.device", hint="train.device=cpu") from None
    if device.type != "cuda":
        return device
    if not torch.cuda.is_available():
        raise RunError(
            f"`{name}` asks for a GPU, and this PyTorch sees none", at="train.device", hint="train.device=cpu"
        )
    device = torch.device("cuda", local_rank) if device.index is None else device
    if device.index >= (found := torch.cuda.device_count()):
        raise RunError(
            f"`{device}` is not there: this machine has {found} GPUs, counted from 0",
            at="train.device",
            hint=f"train.device=cuda:{found - 1}, or as many processes as GPUs",
        )
    return device
