"""Host memory in which bytes lie inverted: who reads what has left without asking for it back reads other numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from whet.kernels.host_memory import Ledger


class Inverted(Ledger):
    """A `HostMemory` that no device shares, whatever the machine has. `asked` counts what came back."""

    def __init__(self, device: torch.device | None = None) -> None:
        super().__init__()
        self.asked = 0

    def take(self, tensor: Tensor, into: Tensor | None = None) -> Inverting:
        kept = self.empty(tensor) if into is None else into
        bits(kept).copy_(~bits(tensor))
        return self.over(kept)

    def empty(self, like: Tensor) -> Tensor:
        return self.note(torch.empty(like.shape, dtype=like.dtype))

    def over(self, kept: Tensor) -> Inverting:
        return Inverting(self, kept)

    def settle(self) -> None:
        """Nothing is under way."""


class Inverting:
    def __init__(self, memory: Inverted, kept: Tensor) -> None:
        self._memory, self._kept = memory, kept

    def fetch(self) -> None:
        """It is made when it is asked for."""

    def back(self) -> Tensor:
        self._memory.asked += 1
        found = torch.empty_like(self._kept)
        bits(found).copy_(~bits(self._kept))
        return found


def bits(tensor: Tensor) -> Tensor:
    return tensor.view(-1).view(torch.uint8)
