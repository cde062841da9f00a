"""The form of one layer's attention: what it does besides query, key and value."""

# H heads  Q queries  S keys

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Form:
    """What one layer's attention does besides query, key and value.

    `window`: a token sees that many tokens back, itself included. `softcap` bends scores by tanh. `sinks` (H,) are
    learned scores that take probability and give no value. `slopes` (H,) are ALiBi's. `bias` (1, H, Q, S) is added to
    the scores; of packed segments each takes its first rows and columns, since it speaks of distances (T5).
    """

    scale: float | None = None
    window: int | None = None
    softcap: float | None = None
    sinks: Tensor | None = None
    slopes: Tensor | None = None
    dropout: float = 0.0
    bias: Tensor | None = None
