"""Loss scaling: in float16 small gradients round to nothing, so those of a larger loss are computed, and divided."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from whet.kernels.layout import local

# As in torch.amp.GradScaler: where it begins, and after how many steps without overflow it doubles.
FIRST, INTERVAL = 2.0**16, 2000


class LossScale:
    """A power of two that follows what gradients bear (Micikevicius et al. 2018, section 3.2): half after an overflow,
    double after INTERVAL steps without one.

    Every rank has the same: it follows from the gradient norm, which is a sum over all ranks of every axis, so that an
    overflow on one of them is one on all.
    """

    def __init__(self) -> None:
        self.value = FIRST
        self._since = 0

    def of(self, loss: Tensor) -> Tensor:
        """The loss that the backward pass begins with."""
        return loss * self.value

    def undo(self, parameters: Iterable[Parameter]) -> None:
        """Divide all gradients by the scale, in place: exact but for what is below the smallest number."""
        gradients = [local(p.grad) for p in parameters if p.grad is not None]
        if gradients:
            torch._foreach_mul_(gradients, 1.0 / self.value)

    def follow(self, norm: float) -> float:
        """Move on from a step with this gradient norm over all ranks. Returns the scale that was too large for it; 0
        where it was not, or where 1 would be: then it is the loss that has no gradient."""
        before = self.value
        if math.isfinite(norm):
            self._since += 1
            if self._since == INTERVAL:
                self.value, self._since = before * 2, 0
            return 0.0
        self.value, self._since = max(before / 2, 1.0), 0
        return before if before > 1 else 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "since": self._since}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value, self._since = state["value"], state["since"]
