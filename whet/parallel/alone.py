"""The process group of a process that is alone: FSDP2 works with ranks, and of one it asks nothing that is sent."""

from __future__ import annotations

import sys
from contextlib import ExitStack

import torch.distributed as dist
from torch.distributed.distributed_c10d import _get_default_store  # torch 2.13 has no public one

_HOLDERS = "whet: runs of this process"


def group_of_one(backend: str) -> ExitStack:
    """Have a default process group of one rank, which is gone once all who have it have closed what is returned.

    A process has one such group, and may have several runs: their number lies in the group's own store.
    """
    if not dist.is_initialized():
        told = sys.excepthook
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
        sys.excepthook = told  # torch (2.13) has put one there that names the rank, which outlives the group
    store, held = _get_default_store(), ExitStack()
    store.add(_HOLDERS, 1)

    def leave() -> None:
        if store.add(_HOLDERS, -1) == 0:
            dist.destroy_process_group()

    held.callback(leave)
    return held
