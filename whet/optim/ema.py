"""An exponential moving average of the weights, which is evaluated and written in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from whet.contracts.optimizer import Optimizer
from whet.kernels.layout import local
from whet.kernels.wide import wide
from whet.optim.wrapped import Wrapped

EMA = "ema"


class Averaged(Wrapped):
    """Keeps the exponential moving average of the weights, which evaluation and the written model take.

    It begins as the weights after the first step, and lies with the parameter's state (float32, sharded alike).
    """

    def __init__(self, inner: Optimizer, decay: float) -> None:
        super().__init__(inner)
        self._decay = decay

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        self.inner.step()
        averages, weights = [], []
        for parameter in self._parameters():
            state = self.state[parameter]
            if not state and parameter.grad is None:  # it has had no step: some kinds keep no state
                continue
            if EMA not in state:
                state[EMA] = parameter.detach().to(wide(parameter.dtype), copy=True)
            else:
                averages.append(local(state[EMA]))
                weights.append(local(parameter.detach()))
        if averages and all(w.dtype == a.dtype for w, a in zip(weights, averages, strict=True)):
            torch._foreach_lerp_(averages, weights, 1 - self._decay)
            return
        for average, weight in zip(averages, weights, strict=True):  # one wide copy at a time
            average.lerp_(weight.to(average.dtype), 1 - self._decay)

    @contextmanager
    def evaluation_weights(self) -> Iterator[None]:
        """Inside, parameters hold the average; afterwards their own bits again."""
        kept = [(p, local(p.detach()).clone()) for p in self._parameters() if EMA in self.state[p]]
        try:
            with torch.no_grad():
                for parameter, _ in kept:
                    local(parameter.detach()).copy_(local(self.state[parameter][EMA]))
            yield
        finally:
            for parameter, bits in kept:
                local(parameter.detach()).copy_(bits)

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        if key == EMA:
            return Optimizer.blank(self, parameter, key, size, dtype)
        return self.inner.blank(parameter, key, size, dtype)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]
