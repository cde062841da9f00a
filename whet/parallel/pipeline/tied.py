"""Weights that the first and the last stage share: each has a copy, and both step by the same gradient."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn

from whet.kernels.layout import local
from whet.parallel.pipeline.stages import Stages
from whet.parallel.world import World


@torch.no_grad()
def add_shared(stages: Stages, module: nn.Module, world: World) -> None:
    """Give both copies the sum of their gradients, the same to the bit: a sum of two does not depend on their order."""
    ends = (stages.cut.place[0], stages.cut.place[-1])
    for parameter in stages.shared(module):
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        own = local(parameter.grad)
        other, there = torch.empty_like(own), ends[stages.rank == ends[0]]
        how = {"group": world.group("stages"), "group_peer": there}
        work = [dist.P2POp(dist.isend, own, **how), dist.P2POp(dist.irecv, other, **how)]  # type: ignore[arg-type]
        for one in dist.batch_isend_irecv(work):
            one.wait()
        own.add_(other)
