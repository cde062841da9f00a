"""An optimizer that asks the loop for a second gradient every few steps, of labels drawn from the model."""

from __future__ import annotations

from typing import Any

import torch

from whet.kernels.layout import gradient
from whet.optim.family import Family
from whet.optim.row_chunks import buckets


class Curved(Family):
    """The family with a rule that has `curve`."""

    def __init__(self, groups: Any, parameter_groups: Any, rule: Any, every: int, **facts: Any) -> None:
        super().__init__(groups, parameter_groups, rule, **facts)
        self._every = every

    @property
    def wants_curvature(self) -> bool:
        """Whether the step just made is one after which the curvature is measured."""
        return (self.clock - 1) % self._every == 0

    @torch.no_grad()
    def curve(self, scale: float) -> None:
        """Renew the curvature from the gradients as they are: those of a mean over `scale` drawn labels."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self._state(parameter)
                for bucket in buckets([self._rows.shard(self.rule, parameter, gradient(parameter))], parameter.device):
                    moments = self._rows.read(self.rule, bucket)
                    grads = [c.shard.grad[c.at].to(moments["m"][0].dtype) for c in bucket]
                    self._rows.write(self.rule, bucket, self.rule.curve(grads, moments, scale), state["step"])
