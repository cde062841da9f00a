"""What sums are kept in: float32, or float64 where the numbers are of that kind already."""

from __future__ import annotations

import torch
from torch import Tensor


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype that sums, softmax and losses of numbers of this dtype are computed in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def widened(tensor: Tensor) -> Tensor:
    """The same numbers as float32, or as float64 where they are: what a loss is made of."""
    return tensor.to(wide(tensor.dtype))
