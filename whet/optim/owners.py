"""Rules that need a whole matrix, under sharding: one rank owns each, is sent its shards, and sends back its rows.

No other rank ever holds the matrix. The larger ones are dealt first, each to the rank with the least to do, so all
ranks compute at once; two collectives carry as many matrices as fit a round.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from whet.kernels.wide import wide
from whet.optim.row_chunks import local

ROUND = 1 << 25  # elements that travel at once


class Owners:
    """Who computes what among matrices that are sharded by rows over one mesh axis."""

    def __init__(self, parameters: Sequence[DTensor]) -> None:
        self.mesh = parameters[0].device_mesh
        self.size, self.rank = self.mesh.size(), self.mesh.get_local_rank()
        self._group = self.mesh.get_group()
        loads = [0] * self.size
        self._owner: dict[int, int] = {}
        for parameter in sorted(parameters, key=lambda p: -p.numel()):
            owner = loads.index(min(loads))
            self._owner[id(parameter)] = owner
            loads[owner] += parameter.numel()

    def owns(self, parameter: Tensor) -> bool:
        return self._owner[id(parameter)] == self.rank

    def rounds(self, parameters: Sequence[DTensor]) -> Iterator[list[DTensor]]:
        """Largest first, so that each round has work for every rank; at least one matrix a rank."""
        taken: list[DTensor] = []
        for parameter in sorted(parameters, key=lambda p: -p.numel()):
            if len(taken) >= self.size and sum(p.numel() for p in taken) + parameter.numel() > ROUND:
                yield taken
                taken = []
            taken.append(parameter)
        if taken:
            yield taken

    def gather(self, parameters: Sequence[DTensor]) -> dict[int, Tensor]:
        """The whole gradient of each of `parameters` that this rank owns, by the parameter's identity."""
        send = [_grad(p) for owner in range(self.size) for p in self._of(parameters, owner)]
        mine = self._of(parameters, self.rank)
        received = self._exchange(
            send,
            [sum(_grad(p).numel() for p in self._of(parameters, owner)) for owner in range(self.size)],
            [sum(self._numel(p, rank) for p in mine) for rank in range(self.size)],
            _grad(parameters[0]).dtype,
        )
        parts: dict[int, list[Tensor]] = {id(p): [] for p in mine}
        for rank, block in enumerate(received):
            for p, part in zip(mine, block.split([self._numel(p, rank) for p in mine]), strict=True):
                parts[id(p)].append(part)
        return {id(p): torch.cat(parts[id(p)]).view(p.shape) for p in mine}

    def scatter(self, parameters: Sequence[DTensor], whole: Mapping[int, Tensor]) -> list[Tensor]:
        """This rank's rows of what each owner computed, in the order of `parameters`."""
        mine = self._of(parameters, self.rank)
        send = [whole[id(p)][slice(*self._rows(p, rank))] for rank in range(self.size) for p in mine]
        received = self._exchange(
            send,
            [sum(self._numel(p, rank) for p in mine) for rank in range(self.size)],
            [sum(self._numel(p, self.rank) for p in self._of(parameters, owner)) for owner in range(self.size)],
            wide(parameters[0].dtype),
        )
        found = {}
        for owner, block in enumerate(received):
            theirs = self._of(parameters, owner)
            for p, part in zip(theirs, block.split([self._numel(p, self.rank) for p in theirs]), strict=True):
                found[id(p)] = part.view(local(p).shape)
        return [found[id(p)] for p in parameters]

    def add(self, numbers: Tensor) -> Tensor:
        """Sums over the ranks, in place."""
        dist.all_reduce(numbers, group=self._group)
        return numbers

    def _exchange(self, send: list[Tensor], out: list[int], into: list[int], dtype: torch.dtype) -> Sequence[Tensor]:
        is_cpu = self.mesh.device_type == "cpu"
        device = torch.device("cpu") if is_cpu else torch.device(self.mesh.device_type, torch.cuda.current_device())
        flat = (
            torch.cat([t.reshape(-1).to(dtype) for t in send]) if send else torch.empty(0, dtype=dtype, device=device)
        )
        received = torch.empty(sum(into), dtype=dtype, device=device)
        dist.all_to_all_single(received, flat, into, out, group=self._group)
        return received.split(into)

    def _of(self, parameters: Sequence[DTensor], owner: int) -> list[DTensor]:
        return [p for p in parameters if self._owner[id(p)] == owner]

    def _rows(self, parameter: DTensor, rank: int) -> tuple[int, int]:
        rows = parameter.shape[0]
        step = -(-rows // self.size)
        return min(rows, rank * step), min(rows, (rank + 1) * step)

    def _numel(self, parameter: DTensor, rank: int) -> int:
        first, last = self._rows(parameter, rank)
        return (last - first) * math.prod(parameter.shape[1:])


def _grad(parameter: DTensor) -> Tensor:
    """This rank's rows of the gradient."""
    assert parameter.grad is not None
    return local(parameter.grad)
