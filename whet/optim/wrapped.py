"""Optimizers around an optimizer: an average of the weights, and steps inside the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from whet.kernels.wide import wide
from whet.optim.pieces import blank, local

EMA = "ema"


class Wrapped(Optimizer):
    """Groups, state and every method are those of `inner` unless a subclass says otherwise."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        super().__init__(inner.param_groups, {})
        self.param_groups, self.state = inner.param_groups, inner.state

    def __getattr__(self, name: str) -> Any:
        if name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def clock(self) -> int:
        return self.inner.clock

    @clock.setter
    def clock(self, steps: int) -> None:
        self.inner.clock = steps

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        self.inner.step()

    def state_dict(self) -> dict[str, Any]:
        return self.inner.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.inner.load_state_dict(state_dict)
        self.param_groups, self.state = self.inner.param_groups, self.inner.state


class Averaged(Wrapped):
    """Keeps the exponential moving average of the weights, which evaluation and the written model take.

    It begins as the weights after the first step, and lies with the parameter's state (float32, sharded alike).
    """

    def __init__(self, inner: Any, decay: float) -> None:
        super().__init__(inner)
        self._decay = decay

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        self.inner.step()
        averages, weights = [], []
        for parameter in self._parameters():
            state = self.state[parameter]
            if not state:
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
        with torch.no_grad():
            for parameter, _ in kept:
                local(parameter.detach()).copy_(local(self.state[parameter][EMA]))
        try:
            yield
        finally:
            for parameter, bits in kept:
                local(parameter.detach()).copy_(bits)

    def blank(self, parameter: Tensor, key: str, size: Any, dtype: Any) -> Tensor | None:
        if key == EMA or not hasattr(self.inner, "blank"):
            return blank(parameter, size, dtype)
        return self.inner.blank(parameter, key, size, dtype)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]


class InBackward(Wrapped):
    """Steps each parameter as soon as its gradient is whole, and drops the gradient.

    `arm` before the backward pass that completes the gradients; `disarm` after it gives their norm. So one parameter's
    gradient is held at a time where a step has one micro-batch; with more, those of the earlier ones are held.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__(inner)
        self._squares: list[Tensor] = []
        self._is_armed = False
        parts = getattr(inner, "parts", [inner])
        for part in parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    parameter.register_post_accumulate_grad_hook(self._hook(part, group))

    def arm(self) -> None:
        self._squares, self._is_armed = [], True

    def disarm(self) -> float:
        """The 2-norm of the gradients that were stepped with."""
        self._is_armed = False
        return float(torch.stack(self._squares).sum().sqrt()) if self._squares else 0.0

    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """All parameters have been stepped; what remains is to count."""
        self.clock = self.clock + 1

    def _hook(self, part: Any, group: dict[str, Any]) -> Callable[[Tensor], None]:
        def hook(parameter: Tensor) -> None:
            if not self._is_armed or parameter.grad is None:
                return
            self._squares.append(parameter.grad.norm(dtype=torch.float32).double().square())
            part.update(group, [parameter])
            parameter.grad = None

        return hook
