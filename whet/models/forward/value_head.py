"""A value head: one number at each token's place, beside a language model and no part of what is exported."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.kernels.wide import widened

NAME = "value_head"


def attach(module: nn.Module, size: int, dtype: torch.dtype, *, on_meta: bool) -> None:
    """Add the head in place, for hidden states of `size` numbers.

    It begins at 0, so that nothing is expected of anything before it has learned.
    """
    with torch.device("meta" if on_meta else "cpu"):
        head = nn.Linear(size, 1, dtype=dtype)
    if not on_meta:
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    module.add_module(NAME, head)


def values(module: Any, hidden_PD: Tensor) -> Tensor:
    """(P,) float32. Raises ModelError where no head was asked for."""
    head = getattr(module, NAME, None)
    if head is None:
        raise ModelError("the model has no value head", hint="objective: ppo")
    return widened(head(hidden_PD.to(head.weight.dtype))[:, 0])


def is_of_head(name: str) -> bool:
    """Whether a parameter of this name belongs to the value head."""
    return name.startswith(f"{NAME}.")
