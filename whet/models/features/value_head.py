"""A value head: one number at each token's place, beside a language model and no part of what is exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from whet.contracts.feature import ModelFeature, Seen
from whet.kernels.wide import widened
from whet.models.features.carried import config_for

NAME = "value_head"


class ValueHead(ModelFeature):
    """Gives `values` (P,) float32. It begins at 0, so that nothing is expected of anything before it has learned."""

    parts = (NAME,)
    gives = frozenset({"values"})

    def extend(self, module: nn.Module, dtype: torch.dtype, seed: int) -> None:
        head = nn.Linear(config_for(module, "a value head").hidden_size, 1, dtype=dtype)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        module.add_module(NAME, head)

    def read(self, module: Any, seen: Seen) -> Mapping[str, Tensor]:
        head = module.get_submodule(NAME)
        return {"values": widened(head(seen.trained().to(head.weight.dtype))[:, 0])}
