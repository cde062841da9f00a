"""Borrowing a module for a forward without gradient, and giving it back as it was; ranks that step together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import nn


@contextmanager
def borrowed(module: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients inside the block; every submodule's own mode and shards as before after it.

    Not `inference_mode`: weights that FSDP gathers there could not take part in a later backward pass.
    """
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for part in training:
            part.training = True
        reshard(module)


class Lockstep:
    """Lets ranks that hold shards of one module agree how often they call it, or their collectives would not match.

    On one process, or with whole weights, every answer is the rank's own.
    """

    def __init__(self, module: nn.Module) -> None:
        self._groups: list[Any] = []
        if dist.is_available() and dist.is_initialized():
            from torch.distributed.tensor import DTensor

            meshes = [p.device_mesh for p in module.parameters() if isinstance(p, DTensor)]
            if meshes:  # what `tensor` alone cuts lies on fewer ranks than all there are
                mesh = max(meshes, key=lambda one: one.size())
                self._groups = [mesh.get_group(axis) for axis in range(mesh.ndim)]
                self._device = torch.device("cpu" if mesh.device_type == "cpu" else torch.cuda.current_device())

    def most(self, number: int) -> int:
        """The largest of the ranks' numbers."""
        if not self._groups:
            return number
        value = torch.tensor(number, device=self._device)
        for group in self._groups:
            dist.all_reduce(value, op=dist.ReduceOp.MAX, group=group)
        return int(value)


def reshard(module: nn.Module) -> None:
    """Free what FSDP gathered: the root keeps its weights after a forward, and an update would not reach them there."""
    if dist.is_available() and dist.is_initialized():
        from torch.distributed.fsdp import FSDPModule

        for part in module.modules():
            if isinstance(part, FSDPModule):
                part.reshard()
