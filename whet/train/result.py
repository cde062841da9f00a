"""The result of a run: its trained model as a plain folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch.distributed.tensor import DTensor

from whet.contracts.records import RunEnded

if TYPE_CHECKING:
    from whet.train.build import Built


def full_tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Every parameter and persistent buffer, whole and on the CPU, one at a time; all ranks must iterate."""
    persistent = module.state_dict(keep_vars=True)
    buffers = ((name, buffer) for name, buffer in module.named_buffers() if name in persistent)
    for name, tensor in [*module.named_parameters(), *buffers]:
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        yield name, whole.detach().cpu()


def write_result(built: Built, ended: RunEnded) -> None:
    """Write `model/`. Ranks other than the first only take part in gathering."""
    tensors = full_tensors(built.loaded.module)
    if not built.world.leads:
        for _ in tensors:
            pass
        return
    if built.loaded.processor is None:
        return
    built.loaded.module.save_pretrained(built.folder.model, state_dict=dict(tensors))
    built.loaded.processor.save_pretrained(built.folder.model)
