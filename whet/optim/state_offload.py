"""Optimizer state that lies on the host, and comes for the step of its weight: the step itself is what it was.

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
from whet.kernels.host_memory import Away, HostMemory
from whet.kernels.layout import local, lying
from whet.optim.costs import offloaded
from whet.optim.wrapped import Wrapped

SMALLEST_BYTES = 4096  # what is smaller stays


class StateOffload(Wrapped):
    """Keeps the state of a `share` of the parameters in `memory`; `away` are these. The state of one at a time, and of
    the next one, is on the device. Checkpoints read it where it lies."""

    def __init__(self, inner: Optimizer, memory: HostMemory, share: float) -> None:
        super().__init__(inner)
        self.memory = memory
        parameters = [p for group in inner.param_groups for p in group["params"]]
        goes = offloaded((p.numel() for p in parameters), share)
        self.away = frozenset(p for p, is_away in zip(parameters, goes, strict=True) if is_away)

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
        self.memory.settle()

    @torch.no_grad()
    def update(self, group: Mapping[str, Any], parameters: Sequence[Tensor]) -> None:
        part = next(one for one in self.inner.parts if any(own is group for own in one.param_groups))
        if here := [p for p in parameters if p not in self.away]:
            part.update(group, here)
        away = [p for p in parameters if p in self.away]
        coming = self._fetched(away[0]) if away else {}
        for parameter, following in zip_longest(away, away[1:]):
            own, coming = coming, {} if following is None else self._fetched(following)
            self._step(part, group, parameter, own)

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        made = self.inner.blank(parameter, key, size, dtype)
        if made is None or parameter not in self.away or not _may_leave(made):
            return made
        return lying(made, self.memory.empty(local(made)))

    def _fetched(self, parameter: Tensor) -> dict[str, Away]:
        """What lies away of a parameter's state, on its way here."""
        state = self.state.get(parameter, {})
        found = {key: self.memory.over(local(value)) for key, value in state.items() if _may_leave(value)}
        for one in found.values():
            one.fetch()
        return found

    def _step(self, part: Optimizer, group: Mapping[str, Any], parameter: Tensor, coming: Mapping[str, Away]) -> None:
        """Step one whose state comes, and let it go again, to where it lay."""
        kept = {key: local(self.state[parameter][key]) for key in coming}
        for key, away in coming.items():
            self.state[parameter][key] = lying(self.state[parameter][key], away.back())
        try:
            part.update(group, [parameter])
        finally:  # what fails, such as memory that runs out, leaves no state on the device
            self._let_go(parameter, kept)

    def _let_go(self, parameter: Tensor, kept: Mapping[str, Tensor]) -> None:
        """Copy its state to where it lay, or to where there is room for what is new."""
        for key, value in self.state[parameter].items():
            if _may_leave(value):
                found = local(value).contiguous()
                into = kept.get(key)
                if into is None or into.shape != found.shape or into.dtype != found.dtype:
                    into = self.memory.empty(found)
                self.memory.take(found, into)
                self.state[parameter][key] = lying(value, into)


def _may_leave(value: Any) -> bool:
    return isinstance(value, Tensor) and local(value).nbytes >= SMALLEST_BYTES
