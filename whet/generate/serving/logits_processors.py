"""Changes to the logits of an answer's tokens by what it says so far, as OpenAI's API has them."""

# V vocab

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from whet.generate.serving.request import LogitsProcessor


def biased(bias: Mapping[int, float]) -> LogitsProcessor:
    """Add to the logits of these tokens."""
    return partial(_biased, list(bias), list(bias.values()))


def penalised(frequency: float, presence: float) -> LogitsProcessor:
    """Take `frequency` from a token's logit for each time that the answer has it, and `presence` once if it has it."""
    return partial(_penalised, frequency, presence)


def _biased(tokens: list[int], values: list[float], logits_V: Tensor, ids: Sequence[int]) -> Tensor:
    at = torch.tensor(tokens, device=logits_V.device)
    return logits_V.index_add(0, at, torch.tensor(values, dtype=logits_V.dtype, device=logits_V.device))


def _penalised(frequency: float, presence: float, logits_V: Tensor, ids: Sequence[int]) -> Tensor:
    if not ids:
        return logits_V
    found, counts = torch.tensor(ids, device=logits_V.device).unique(return_counts=True)
    return logits_V.index_add(0, found, -(frequency * counts + presence).to(logits_V.dtype))
