"""Whole tensors of a model, wherever their parts lie: one at a time, so that no rank holds them all."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import Tensor, nn

from whet.kernels.dense import dense
from whet.kernels.layout import whole_tensor


def whole_tensors(module: nn.Module, names: Collection[str] | None = None) -> Iterator[tuple[str, Tensor]]:
    """Parameters (tied ones once) and persistent buffers on their device, dequantized: all, or those of `names`."""
    persistent = module.state_dict(keep_vars=True)
    buffers = [(name, buffer) for name, buffer in module.named_buffers() if name in persistent]
    for name, tensor in [*module.named_parameters(), *buffers]:
        if names is None or name in names:
            yield name, dense(whole_tensor(tensor).detach())
