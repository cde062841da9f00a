"""How far a written model may drift from the trained one, by what was done to its weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an export may drift.

    `largest` and `mean` are logit differences in standard deviations of the logits (None: not limited), `kl` is the
    mean divergence in nats, `agreement` the share of positions whose most likely token must stay, `generation` the
    share of greedily generated tokens that must stay.
    """

    largest: float | None
    mean: float
    kl: float
    agreement: float
    generation: float = 0.0


# In fp32 only the order of sums differs. Rounding random models of 2 to 28 layers to bf16 moved logits by a mean of
# 0.3 to 0.6 % of the deviation and the largest one by 3 to 4 %; one with weights three times as wide, which amplifies
# every rounding, by 3.8 % and 34 %. fp16 moved them a tenth of that. What is generated leaves the old path for good
# at the first close call, so rounding may cost much of it; in fp32 calls are not that close.
DENSE = {
    torch.float32: Limits(1e-3, 1e-4, 1e-6, 0.99, 0.9),
    torch.float16: Limits(0.05, 6e-3, 1e-4, 0.97, 0.5),
    torch.bfloat16: Limits(0.5, 0.06, 0.01, 0.9),
}
# Where a token stands between two experts, rounding sends it to the other one: single positions move by as much as the
# logits' deviation (measured: 2 of 360 in fp16), and only averages tell drift from rounding.
ROUTED = {
    torch.float32: Limits(None, 1e-3, 1e-4, 0.97),
    torch.float16: Limits(None, 0.02, 2e-3, 0.95),
    torch.bfloat16: Limits(None, 0.06, 0.02, 0.9),
}
