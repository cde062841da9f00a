"""Memory of the host for tensors without values: what lies there is gone from the device, and nothing is copied."""

from __future__ import annotations

import weakref

import torch
from torch import Tensor

from whet.kernels.host_memory import Offloaded


class TracedHostMemory:
    """A `HostMemory` (`whet.kernels.host_memory`) that holds nothing. `storages` are those that would lie in it for
    good, with their bytes; `held_bytes` of others do now, and `peak_bytes` did at most."""

    def __init__(self, device: torch.device) -> None:
        self.held_bytes = self.peak_bytes = self.moved_bytes = 0
        self.storages: dict[int, int] = {}

    def offload(self, tensor: Tensor, into: Tensor | None = None) -> Offloaded:
        if into is not None:
            return _OnHost(into)
        self.moved_bytes += tensor.nbytes
        self._hold(tensor.nbytes)
        offloaded = _Offloaded(tensor)
        weakref.finalize(offloaded, self._hold, -tensor.nbytes)
        return offloaded

    def _hold(self, num_bytes: int) -> None:
        self.held_bytes += num_bytes
        self.peak_bytes = max(self.peak_bytes, self.held_bytes)

    def empty(self, like: Tensor) -> Tensor:
        storage = like.untyped_storage()
        self.storages[storage._cdata] = storage.nbytes()
        return like

    def offloaded(self, tensor: Tensor) -> Offloaded:
        return _OnHost(tensor)

    def synchronize(self) -> None:
        """Nothing is under way."""


class _OnHost:
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def prefetch(self) -> None:
        """It is there."""

    def fetch(self) -> Tensor:
        return self._tensor


class _Offloaded:
    """An offloaded tensor: its size, and memory for it when it is fetched."""

    def __init__(self, tensor: Tensor) -> None:
        self._how = tensor.shape, tensor.dtype, tensor.device

    def prefetch(self) -> None:
        """It takes memory when it is fetched."""

    def fetch(self) -> Tensor:
        size, dtype, device = self._how
        return torch.empty(size, dtype=dtype, device=device)
