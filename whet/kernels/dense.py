"""The plain matrix of any weight, quantized or not."""

from __future__ import annotations

import torch
from torch import Tensor

from whet.kernels.quantized import Quantized


def dense(weight: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """`weight` as an ordinary tensor: itself if it is one, else its dequantized values, in `dtype` if that is given.

    A quantized weight is unpacked anew at each call: keep the result no longer than the product it is for.
    """
    if isinstance(weight, Quantized):
        return weight.dequantize(dtype)
    return weight if dtype is None else weight.to(dtype)
