"""Optimizers around an optimizer: an average of the weights, and gradients that do not stay for the step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor

from whet.contracts.optimizer import Optimizer, Watched
from whet.kernels.wide import wide
from whet.optim.adapted import Adapted
from whet.optim.aside import place
from whet.optim.layout import local

EMA = "ema"


class Wrapped(Adapted):
    """Every moment is that of `inner` unless a subclass says otherwise."""

    inner: Optimizer

    @property
    def clock(self) -> int | None:  # type: ignore[override]
        return self.inner.clock

    @clock.setter
    def clock(self, steps: int | None) -> None:
        self.inner.clock = steps

    @property
    def parts(self) -> Sequence[Optimizer]:
        return self.inner.parts

    @property
    def wants_curvature(self) -> bool:
        return self.inner.wants_curvature

    def attach(self, watched: Sequence[Watched]) -> None:
        self.inner.attach(watched)

    def begin_step(self) -> None:
        self.inner.begin_step()

    def before_last_backward(self) -> None:
        self.inner.before_last_backward()

    def after_backward(self) -> Tensor | None:
        return self.inner.after_backward()

    def abort(self) -> None:
        self.inner.abort()

    def curve(self, scale: float) -> None:
        self.inner.curve(scale)

    def evaluation_weights(self) -> AbstractContextManager[None]:
        return self.inner.evaluation_weights()

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        return self.inner.blank(parameter, key, size, dtype)


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

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        if key == EMA:
            return Optimizer.blank(self, parameter, key, size, dtype)
        return self.inner.blank(parameter, key, size, dtype)

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]]


class InBackward(Wrapped):
    """Takes each gradient out of training's memory as soon as it is whole, and steps with one at a time afterwards.

    So one parameter's gradient is held at a time where a step has one micro-batch; with more, those of the earlier
    ones are held. Nothing moves before the last gradient is whole and found finite: a backward pass that runs out of
    memory, and a gradient that is no number, leave weights and state as they were. Steps inside the backward pass
    (LOMO, Lv et al. 2023) cannot be taken back: they have no exact inverse, what would undo them is as large as the
    gradients, and a first pass that only checks doubles the time. Costs each gradient's way to `aside` and back:
    between GPU and host, or to a file and back on a CPU.
    """

    def __init__(self, inner: Optimizer) -> None:
        super().__init__(inner)
        self._owners: dict[Tensor, tuple[Optimizer, dict[str, Any]]] = {}
        self._squares: dict[Tensor, Tensor] = {}
        self._is_armed = False
        for part in inner.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    self._owners[parameter] = part, group
                    parameter.register_post_accumulate_grad_hook(self._put)
        self._aside = place(next(iter(self._owners)).device)()

    def begin_step(self) -> None:
        self.abort()
        super().begin_step()

    def before_last_backward(self) -> None:
        super().before_last_backward()
        self._is_armed = True

    def after_backward(self) -> Tensor | None:
        super().after_backward()
        for parameter in self._owners:  # an expert that only earlier micro-batches came to
            self._put(parameter)
        self._is_armed = False
        found = list(self._squares.values())
        return torch.stack(found).sum() if found else torch.zeros((), dtype=torch.float64)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for parameter in list(self._squares):
            part, group = self._owners[parameter]
            parameter.grad = self._aside.take(parameter)
            part.update(group, [parameter])
            parameter.grad = None
        self._squares.clear()
        self.clock = (self.clock or 0) + 1

    def abort(self) -> None:
        self._squares.clear()
        self._is_armed = False
        super().abort()

    def _put(self, parameter: Tensor) -> None:
        if not self._is_armed or parameter.grad is None:
            return
        self._squares[parameter] = parameter.grad.norm(dtype=torch.float32).double().square()
        self._aside.put(parameter, parameter.grad)
        parameter.grad = None
