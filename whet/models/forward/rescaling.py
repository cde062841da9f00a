"""Models that change their weights between training and evaluation, made to leave them alone.

RWKV (transformers 5.23) halves the weights of later layers in place at the first forward pass in evaluation, against
overflow in half precision, and doubles them again at the next one in training. What reads weights in between (a written
model, a checkpoint, weights sent to an engine) would have them halved. Without it the outputs are the same but for the
epsilon of a layer norm.
"""

from __future__ import annotations

from types import MethodType
from typing import Any

from torch import nn

_RESCALES, _IS_RESCALED = "_rescale_layers", "layers_are_rescaled"


def keep(module: nn.Module) -> None:
    """Let a model's weights be what they are. Only these instances change; safe to call again."""
    for part in module.modules():
        if _IS_RESCALED in part.__dict__ and not part.__dict__[_IS_RESCALED]:
            part.__dict__[_RESCALES] = MethodType(_as_they_are, part)


def _as_they_are(self: Any) -> None:
    """In the place of what rescales."""
