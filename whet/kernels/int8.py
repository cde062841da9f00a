"""int8: eight bits a weight, one scale a row, as bitsandbytes stores the weights of LLM.int8()."""

# O rows (outputs)  I inputs

from __future__ import annotations

import torch
from torch import Tensor


def quantize(weight_OI: Tensor) -> dict[str, Tensor]:
    """The parts of a matrix: `codes` int8 (O, I), and `absmax` fp32 (O,), the largest magnitude of each row."""
    absmax_O = weight_OI.detach().abs().amax(1).float()
    factor_O = torch.where(absmax_O > 0, 127.0 / absmax_O, 0.0)
    return {"codes": (weight_OI.detach() * factor_O[:, None]).round().to(torch.int8), "absmax": absmax_O}


def dequantize(parts: dict[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """The matrix of `parts` again. Products are fp32, then rounded to `dtype`."""
    return parts["codes"].float().mul_(parts["absmax"][:, None]).mul_(1 / 127).view(shape).to(dtype)
