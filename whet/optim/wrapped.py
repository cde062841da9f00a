"""What an optimizer around another one passes on to it: every moment of a step."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor

from whet.contracts.optimizer import Optimizer, Watched
from whet.optim.adapted import Adapted


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

    def settle(self) -> None:
        self.inner.settle()

    @property
    def wants_curvature(self) -> bool:
        return self.inner.wants_curvature

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.inner.load_state_dict(state_dict)
        self.param_groups, self.state = self.inner.param_groups, self.inner.state

    def attach(self, watched: Sequence[Watched]) -> None:
        self.inner.attach(watched)

    def begin_step(self) -> None:
        self.inner.begin_step()

    def before_last_backward(self) -> None:
        self.inner.before_last_backward()

    def after_backward(self) -> Tensor | None:
        return self.inner.after_backward()

    def clip(self, factor: float) -> None:
        self.inner.clip(factor)

    def abort(self) -> None:
        self.inner.abort()

    def curve(self, scale: float) -> None:
        self.inner.curve(scale)

    def evaluation_weights(self) -> AbstractContextManager[None]:
        return self.inner.evaluation_weights()

    def blank(self, parameter: Tensor, key: str, size: torch.Size, dtype: torch.dtype) -> Tensor | None:
        return self.inner.blank(parameter, key, size, dtype)
