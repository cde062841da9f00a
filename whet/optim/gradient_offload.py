"""Gradient offload: each leaves the memory of training as soon as it is whole, and is fetched for its step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from whet.contracts.optimizer import Optimizer
from whet.kernels.wide import wide
from whet.optim.gradient_store import gradient_store
from whet.optim.wrapped import Wrapped


class GradientOffload(Wrapped):
    """Takes each gradient out of training's memory as soon as it is whole, and steps with one at a time afterwards.

    So one parameter's gradient is held at a time where a step has one micro-batch; with more, those of the earlier
    ones are held. Nothing moves before the last gradient is whole and found finite: a backward pass that runs out of
    memory, and a gradient that is no number, leave weights and state as they were. Steps inside the backward pass
    (LOMO, Lv et al. 2023) cannot be taken back: they have no exact inverse, what would undo them is as large as the
    gradients, and a first pass that only checks doubles the time. Costs each gradient's way to the store and back:
    between GPU and host, or to a file and back on a CPU.
    """

    def __init__(self, inner: Optimizer) -> None:
        super().__init__(inner)
        self._factor = 1.0
        self._owners: dict[Tensor, tuple[Optimizer, dict[str, Any]]] = {}
        self._squares: dict[Tensor, Tensor] = {}
        self._is_armed = False
        for part in inner.parts:
            for group in part.param_groups:
                for parameter in group["params"]:
                    self._owners[parameter] = part, group
                    parameter.register_post_accumulate_grad_hook(self._offload)
        self._store = gradient_store(next(iter(self._owners)).device)()

    def begin_step(self) -> None:
        self.abort()
        super().begin_step()

    def before_last_backward(self) -> None:
        super().before_last_backward()
        self._is_armed = True

    def after_backward(self) -> Tensor | None:
        beside = super().after_backward()
        for parameter in self._owners:  # an expert that only earlier micro-batches came to
            self._offload(parameter)
        self._is_armed = False
        found = list(self._squares.values())
        own = torch.stack(found).sum() if found else torch.zeros((), dtype=torch.float64)
        return own if beside is None else own + beside

    def clip(self, factor: float) -> None:
        """Gradients are scaled as they are fetched."""
        super().clip(factor)
        self._factor = factor

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        factor, parameters = self._factor, list(self._squares)
        for parameter, gradient in zip(parameters, self._store.fetch(parameters), strict=True):
            part, group = self._owners[parameter]
            parameter.grad = gradient if factor == 1.0 else gradient.mul_(factor)
            part.update(group, [parameter])
            parameter.grad = None
        self.inner.settle()
        self._squares.clear()
        self._factor = 1.0
        self.clock = (self.clock or 0) + 1

    def abort(self) -> None:
        self._squares.clear()
        self._factor = 1.0
        self._is_armed = False
        super().abort()

    def _offload(self, parameter: Tensor) -> None:
        if not self._is_armed or parameter.grad is None:
            return
        if parameter in self._squares:  # a further backward pass, such as that of a tuner's penalty
            [earlier] = self._store.fetch([parameter])
            parameter.grad.add_(earlier)
        self._squares[parameter] = parameter.grad.norm(dtype=wide(parameter.grad.dtype)).double().square()
        self._store.offload(parameter, parameter.grad)
        parameter.grad = None
