"""Tensors on a device, logged without waiting: copied behind the work that is queued, read once they are there."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# More calls than this are not kept waiting: then the oldest is waited for.
MAX_WAITING = 256


@dataclass(slots=True)
class _Call:
    step: int
    time: float
    values: dict[str, Any]
    is_there: Callable[[], bool]
    wait: Callable[[], None]


class Waiting:
    """Values of calls whose tensors are still on their way, oldest first."""

    def __init__(self, write: Callable[[int, float, Mapping[str, Any]], None]) -> None:
        self._write = write
        self.calls: deque[_Call] = deque()

    def add(self, step: int, time: float, numbers: Mapping[str, float], tensors: Mapping[str, Any]) -> None:
        """Queue numbers and copies of tensors, which may change or go afterwards. Nothing is waited for."""
        # A copy to the CPU that does not block lands in pinned memory (torch 2.x, `_to_copy`).
        copies = {name: tensor.detach().to("cpu", non_blocking=True, copy=True) for name, tensor in tensors.items()}
        self.calls.append(_Call(step, time, {**numbers, **copies}, *_mark(next(iter(tensors.values())).device)))
        while len(self.calls) > MAX_WAITING:
            self._take()

    def settle(self, *, wait: bool = False) -> None:
        """Write the calls whose copies have arrived, in order; with `wait`, all."""
        while self.calls and (wait or self.calls[0].is_there()):
            self._take()

    def _take(self) -> None:
        call = self.calls.popleft()
        call.wait()
        self._write(call.step, call.time, call.values)


def _mark(device: Any) -> tuple[Callable[[], bool], Callable[[], None]]:
    """Whether what is queued on the device until now is done, and a wait for it."""
    torch = sys.modules["torch"]  # whose tensor it is
    event = torch.Event(device)
    event.record(torch.accelerator.current_stream(device))
    return event.query, event.synchronize
