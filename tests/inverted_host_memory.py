"""Host memory in which bytes lie inverted: who reads what has left without asking for it back reads other numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from whet.kernels.host_memory import ByteCount


class Inverted(ByteCount):
    """A `HostMemory` that no device shares, whatever the machine has. `asked` counts what came back."""

    def __init__(self, device: torch.device | None = None) -> None:
        super().__init__()
        self.asked = 0

    def offload(self, tensor: Tensor, into: Tensor | None = None) -> Inverting:
        copy = self.empty(tensor) if into is None else into
        bits(copy).copy_(~bits(tensor))
        return self.offloaded(copy)

    def empty(self, like: Tensor) -> Tensor:
        return self.note(torch.empty(like.shape, dtype=like.dtype))

    def offloaded(self, copy: Tensor) -> Inverting:
        return Inverting(self, copy)

    def synchronize(self) -> None:
        """Nothing is under way."""


class Late(Inverted):
    """What leaves lies there only once the memory is settled, as with copies that run beside a GPU's work."""

    def __init__(self, device: torch.device | None = None) -> None:
        super().__init__()
        self.under_way: dict[int, tuple[Tensor, Tensor]] = {}  # by place: where it shall lie, and what

    def offload(self, tensor: Tensor, into: Tensor | None = None) -> Inverting:
        copy = self.empty(tensor) if into is None else into
        self.under_way[copy.data_ptr()] = copy, tensor.clone()
        bits(copy).fill_(0x7F)
        return self.offloaded(copy)

    def offloaded(self, copy: Tensor) -> Inverting:
        if copy.data_ptr() in self.under_way:
            self.synchronize()
        return super().offloaded(copy)

    def synchronize(self) -> None:
        for copy, tensor in self.under_way.values():
            bits(copy).copy_(~bits(tensor))
        self.under_way.clear()


class Inverting:
    def __init__(self, memory: Inverted, copy: Tensor) -> None:
        self._memory, self._copy = memory, copy

    def prefetch(self) -> None:
        """It is made when it is asked for."""

    def fetch(self) -> Tensor:
        self._memory.asked += 1
        found = torch.empty_like(self._copy)
        bits(found).copy_(~bits(self._copy))
        return found


def bits(tensor: Tensor) -> Tensor:
    return tensor.view(-1).view(torch.uint8)
