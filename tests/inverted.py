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


class Late(Inverted):
    """What leaves lies there only once the memory is settled, as with copies that run beside a GPU's work."""

    def __init__(self, device: torch.device | None = None) -> None:
        super().__init__()
        self.under_way: dict[int, tuple[Tensor, Tensor]] = {}  # by place: where it shall lie, and what

    def take(self, tensor: Tensor, into: Tensor | None = None) -> Inverting:
        kept = self.empty(tensor) if into is None else into
        self.under_way[kept.data_ptr()] = kept, tensor.clone()
        bits(kept).fill_(0x7F)
        return self.over(kept)

    def over(self, kept: Tensor) -> Inverting:
        if kept.data_ptr() in self.under_way:
            self.settle()
        return super().over(kept)

    def settle(self) -> None:
        for kept, tensor in self.under_way.values():
            bits(kept).copy_(~bits(tensor))
        self.under_way.clear()


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
