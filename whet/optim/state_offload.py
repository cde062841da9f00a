"""Optimizer state offload: it lies on the host, and is fetched for the step of its weight, which is what it was.

ZeRO-Offload (Ren et al. 2021) steps on the host instead, which sends half as many bytes of AdamW's and takes the host's
arithmetic; here state goes both ways while other weights are stepped, and any rule computes the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from whet.contracts.optimizer import Optimizer
from whet.kernels.host_memory import HostMemory, Offloaded
from whet.kernels.layout import local, lying
from whet.optim.costs import offloaded
from whet.optim.wrapped import Wrapped

SMALLEST_BYTES = 4096  # what is smaller stays on the device


class StateOffload(Wrapped):
    """Keeps the state of a `share` of the parameters, the `offloaded` ones, in `memory`. That of one at a time, and of
    the next one, is on the device. Checkpoints read it where it lies."""

    def __init__(self, inner: Optimizer, memory: HostMemory, share: float) -> None:
        super().__init__(inner)
        self.memory = memory
        parameters = [p for group in inner.param_groups for p in group["params"]]
        chosen = offloaded((p.numel() for p in parameters), share)
        self.offloaded = frozenset(p for p, is_chosen in zip(parameters, chosen, strict=True) if is_chosen)

    @property
    def parts(self) -> Sequence[Optimizer]:
        return (self,)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            self.update(group, [p for p in group["params"] if p.grad is not None])
        if self.clock is not None:
            self.clock += 1
        self.settle()

    def settle(self) -> None:
        super().settle()
        self.memory.synchronize()

    @torch.no_grad()
    def update(self, group: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
        part = next(one for one in self.inner.parts if any(own is group for own in one.param_groups))
        if on_device := [p for p in parameters if p not in self.offloaded]:
            part.update(group, on_device)
        on_host = [p for p in parameters if p in self.offloaded]
        prefetched = self._prefetched(on_host[0]) if on_host else {}
        for parameter, following in zip_longest(on_host, on_host[1:]):
            own, prefetched = prefetched, {} if following is None else self._prefetched(following)
            self._step(part, group, parameter, own)

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        made = self.inner.blank(parameter, key, size, dtype)
        if made is None or parameter not in self.offloaded or not _is_offloadable(made):
            return made
        return lying(made, self.memory.empty(local(made)))

    def _prefetched(self, parameter: Tensor) -> dict[str, Offloaded]:
        """What is offloaded of a parameter's state, on its way to the device."""
        state = self.state.get(parameter, {})
        found = {key: self.memory.offloaded(local(value)) for key, value in state.items() if _is_offloadable(value)}
        for one in found.values():
            one.prefetch()
        return found

    def _step(self, part: Optimizer, group: Mapping[str, Any], parameter: Tensor, own: Mapping[str, Offloaded]) -> None:
        """Step one whose state is fetched, and offload it again, to where it lay."""
        places = {key: local(self.state[parameter][key]) for key in own}
        for key, offloaded_value in own.items():
            self.state[parameter][key] = lying(self.state[parameter][key], offloaded_value.fetch())
        try:
            part.update(group, [parameter])
        finally:  # what fails, such as memory that runs out, leaves no state on the device
            self._offload(parameter, places)

    def _offload(self, parameter: Tensor, places: Mapping[str, Tensor]) -> None:
        """Copy its state to where it lay, or to where there is room for what is new."""
        for key, value in self.state[parameter].items():
            if _is_offloadable(value):
                found = local(value).contiguous()
                into = places.get(key)
                if into is None or into.shape != found.shape or into.dtype != found.dtype:
                    into = self.memory.empty(found)
                self.memory.offload(found, into)
                self.state[parameter][key] = lying(value, into)


def _is_offloadable(value: Any) -> bool:
    return isinstance(value, Tensor) and local(value).nbytes >= SMALLEST_BYTES
