"""Have attention layers note the largest logit of each head, for the optimizer that clips by it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from whet.base.errors import ConfigError
from whet.contracts.optimizer import Watched

NOTED = "whet_peaks"


def watch(module: nn.Module, device: torch.device) -> list[Watched]:
    """Every attention layer with separate, trained query and key projections; from now on it notes its logits.

    Raises ConfigError where there are none, and where queries and keys are normalised: their logits do not grow.
    """
    found = []
    for layer in module.modules():
        query, key = getattr(layer, "q_proj", None), getattr(layer, "k_proj", None)
        size: Any = getattr(layer, "head_dim", None)
        if not (isinstance(query, nn.Linear) and isinstance(key, nn.Linear) and isinstance(size, int)):
            continue
        if getattr(layer, "q_norm", None) is not None:
            raise ConfigError("this model normalises queries, so their logits need no clip", hint="optimizer: muon")
        if query.weight.requires_grad and key.weight.requires_grad:
            peaks = torch.zeros(query.weight.shape[0] // size, device=device)
            setattr(layer, NOTED, peaks)
            found.append(Watched(peaks, list(query.parameters()), list(key.parameters()), size))
    if not found:
        raise ConfigError("no attention layer with trained query and key projections", hint="optimizer: muon")
    return found
