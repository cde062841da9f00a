"""What the tensors of a run are called in its checkpoints."""

from __future__ import annotations

import torch

MODEL, OPTIMIZER = "model/", "optimizer/"  # before the names of tensors


def model_tensors(module: torch.nn.Module, untouched: frozenset[str]) -> dict[str, torch.Tensor]:
    """Parameters (tied ones once) and persistent buffers by their names in a checkpoint, without those that training
    leaves as they are."""
    persistent = module.state_dict(keep_vars=True)
    buffers = {n: b for n, b in module.named_buffers() if n in persistent}
    return {f"{MODEL}{n}": t.detach() for n, t in (*module.named_parameters(), *buffers.items()) if n not in untouched}
