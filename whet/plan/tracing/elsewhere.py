"""Memory of the host for tensors without values: what lies there is gone from the device, and nothing is copied."""

from __future__ import annotations

import torch
from torch import Tensor

from whet.kernels.host_memory import Away


class Elsewhere:
    """A `HostMemory` (`whet.kernels.host_memory`) that holds nothing. `kept` are the storages that would lie in it."""

    def __init__(self, device: torch.device) -> None:
        self.held = self.most = self.moved = 0
        self.kept: set[int] = set()

    def take(self, tensor: Tensor, into: Tensor | None = None) -> Away:
        if into is not None:
            return _There(into)
        self.moved += tensor.nbytes
        return _Gone(tensor)

    def empty(self, like: Tensor) -> Tensor:
        self.kept.add(like.untyped_storage()._cdata)
        return like

    def over(self, kept: Tensor) -> Away:
        return _There(kept)

    def settle(self) -> None:
        """Nothing is under way."""


class _There:
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def fetch(self) -> None:
        """It never left."""

    def back(self) -> Tensor:
        return self._tensor


class _Gone:
    """A tensor that has left: its size, and memory for it when it comes back."""

    def __init__(self, tensor: Tensor) -> None:
        self._how = tensor.shape, tensor.dtype, tensor.device

    def fetch(self) -> None:
        """It takes memory when it is here."""

    def back(self) -> Tensor:
        size, dtype, device = self._how
        return torch.empty(size, dtype=dtype, device=device)
