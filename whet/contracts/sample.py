"""Sample: one training example, as it lies in the token store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sample came from: the source as the config names it, and the row (from 0) in it."""

    source: str
    row: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example.

    `ids` (T,) int32 are the tokens, empty for a model without tokens. `weights` (T,) float32
    say how much *predicting* `ids[t]` from the tokens before it counts: 0 is context, and
    `weights[0]` is never used because nothing comes before it. `fields` are further arrays or
    numbers that an objective names (features, label, group, advantage).
    """

    ids: np.ndarray
    weights: np.ndarray
    fields: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None

    @property
    def num_tokens(self) -> int:
        return len(self.ids)
