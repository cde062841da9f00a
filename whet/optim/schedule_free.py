"""Schedule-Free AdamW: averaging in place of a falling rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from whet.optim.codecs import Entry
from whet.optim.elementwise import State, V, normalised
from whet.optim.rules import At, RowRule, Tensors

Z = Entry("z", True, exact=True)


class ScheduleFree(RowRule):
    """Gradients are taken at y = (1 - beta_1) z + beta_1 x, steps at z, and x is the average (Defazio et al. 2024).

    The parameters hold y, the state z; `evaluate` gives x. The average weighs each step by the square of the largest
    rate so far (their section 4.6), so a warm-up counts little. The decay is taken at y.
    """

    entries = (V, Z)

    def __init__(self, betas: tuple[float, float], eps: float) -> None:
        self.betas, self.eps = betas, eps
        self.evaluate = _Average(betas[0])

    def account(self, states: Sequence[dict[str, Any]], at: At) -> At:
        """Add this step's weight to the sum, in plain numbers that are stored with the parameters."""
        largest = max(at.lr, states[0].get("largest_lr", 0.0))
        total = states[0].get("weight_sum", 0.0) + largest**2
        for state in states:
            state.update(largest_lr=largest, weight_sum=total)
        return replace(at, blend=largest**2 / total if total else 0.0)

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        v, z = state["v"], state["z"]
        if at.step == 1:
            torch._foreach_copy_(z, weights)
        scratch = [torch.zeros_like(grad) for grad in grads]  # at beta_1 = 0 the first moment is the gradient
        directions = normalised(grads, scratch, v, (0.0, self.betas[1]), self.eps, at.step)
        if at.decay:
            torch._foreach_add_(directions, weights, alpha=at.decay)
        torch._foreach_lerp_(weights, z, at.blend)
        torch._foreach_add_(weights, directions, alpha=at.lr * (self.betas[0] * (1 - at.blend) - 1))
        torch._foreach_add_(z, directions, alpha=-at.lr)


class _Average(RowRule):
    """From y and z to x."""

    entries = (Z,)

    def __init__(self, beta: float) -> None:
        self._beta = beta

    def advance(self, weights: Tensors, grads: Tensors, state: State, at: At) -> None:
        torch._foreach_lerp_(weights, state["z"], 1 - 1 / self._beta)
