"""Rules that need a whole tensor, where ranks hold shards: one rank owns each, is sent the shards, and sends them back.

Of ranks that together hold a tensor no other ever has it whole; where they hold copies, each copy has an owner, and all
compute the same. The larger ones are dealt first, each to the rank with the least to do, so all ranks compute at once;
two collectives carry as many tensors as fit a round.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.tensor import DTensor

from whet.kernels.layout import Extent, Layout, gradient, joint_group, local
from whet.kernels.wide import wide

ROUND = 1 << 25  # elements that travel at once


class Owners:
    """Who computes what among tensors whose shards lie on the same ranks (`Layout.spread`).

    All of these ranks make one, at the same time and in the same order: it may need a process group.
    """

    def __init__(self, parameters: Sequence[DTensor]) -> None:
        layouts = [Layout.of(parameter) for parameter in parameters]
        holders = layouts[0].holders()
        self.layout, self.size = layouts[0], len(holders)
        self._group = joint_group(self.layout)
        self.rank = dist.get_group_rank(self._group, dist.get_rank())
        # What each rank of the group holds of each.
        self._parts = {
            id(parameter): [layout.at(coordinate) for _, coordinate in holders]
            for parameter, layout in zip(parameters, layouts, strict=True)
        }
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
        mine = self._of(parameters, self.rank)
        here = {id(p): gradient(p) for p in parameters}  # once: it may take a collective
        received = self._exchange(
            [here[id(p)] for owner in range(self.size) for p in self._of(parameters, owner)],
            [sum(here[id(p)].numel() for p in self._of(parameters, owner)) for owner in range(self.size)],
            [sum(self._numel(p, rank) for p in mine) for rank in range(self.size)],
            functools.reduce(torch.promote_types, (shard.dtype for shard in here.values())),
        )
        whole = {id(p): received[0].new_empty(p.shape) for p in mine}
        for rank, block in enumerate(received):
            for p, part in zip(mine, block.split([self._numel(p, rank) for p in mine]), strict=True):
                place = whole[id(p)][self._parts[id(p)][rank]]
                place.copy_(part.view(place.shape))
        return whole

    def scatter(self, parameters: Sequence[DTensor], whole: Mapping[int, Tensor]) -> list[Tensor]:
        """This rank's shards of what each owner computed, in the order of `parameters`."""
        mine = self._of(parameters, self.rank)
        received = self._exchange(
            [whole[id(p)][self._parts[id(p)][rank]] for rank in range(self.size) for p in mine],
            [sum(self._numel(p, rank) for p in mine) for rank in range(self.size)],
            [sum(self._numel(p, self.rank) for p in self._of(parameters, owner)) for owner in range(self.size)],
            functools.reduce(torch.promote_types, (wide(p.dtype) for p in parameters)),
        )
        found = {}
        for owner, block in enumerate(received):
            theirs = self._of(parameters, owner)
            for p, part in zip(theirs, block.split([self._numel(p, self.rank) for p in theirs]), strict=True):
                found[id(p)] = part.view(local(p).shape)
        return [found[id(p)] for p in parameters]

    def _exchange(self, send: list[Tensor], out: list[int], into: list[int], dtype: torch.dtype) -> Sequence[Tensor]:
        assert self.layout.mesh is not None
        is_cpu = self.layout.mesh.device_type == "cpu"
        device = (
            torch.device("cpu") if is_cpu else torch.device(self.layout.mesh.device_type, torch.cuda.current_device())
        )
        flat = (
            torch.cat([t.reshape(-1).to(dtype) for t in send]) if send else torch.empty(0, dtype=dtype, device=device)
        )
        received = torch.empty(sum(into), dtype=dtype, device=device)
        dist.all_to_all_single(received, flat, into, out, group=self._group)
        return received.split(into)

    def _of(self, parameters: Sequence[DTensor], owner: int) -> list[DTensor]:
        return [p for p in parameters if self._owner[id(p)] == owner]

    def _numel(self, parameter: DTensor, rank: int) -> int:
        return _numel(self._parts[id(parameter)][rank])


def _numel(part: Extent) -> int:
    return math.prod(side.stop - side.start for side in part)
