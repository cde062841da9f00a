"""FSDP on a stage whose backward passes come in halves, or whose gradients are to be added once a step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.distributed.fsdp import FSDPModule, fully_shard


@contextmanager
def held_whole(module: nn.Module) -> Iterator[None]:
    """Inside, weights that FSDP cuts are whole from their first use on, and gradients, which are added over
    ranks at the end. FSDP itself would add what the first half of a backward pass has left, which is nothing.

    With torch 2.13 it takes calls that are not public: `torch.distributed.pipelining` makes the same ones.
    """
    if not isinstance(module, FSDPModule):
        yield
        return
    parts = [part for part in module.modules() if isinstance(part, FSDPModule)]
    groups = [group for part in parts for group in fully_shard.state(part)._fsdp_param_groups]  # type: ignore
    before = [group.post_forward_mesh_info for group in groups]
    for part in parts:
        part.set_requires_gradient_sync(False, recurse=False)
        part.set_reshard_after_forward(False, recurse=False)
        part.set_reshard_after_backward(False, recurse=False)
    try:
        yield
    finally:
        for part in parts:
            part.set_requires_gradient_sync(True, recurse=False)
            part.set_reshard_after_backward(True, recurse=False)
        for group, info in zip(groups, before, strict=True):
            group.post_forward_mesh_info = info
    for group in groups:
        group.post_backward()
    fully_shard.state(module)._root_post_backward_final_callback()  # type: ignore
