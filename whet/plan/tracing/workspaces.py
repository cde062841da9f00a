"""What ops take of memory inside, while they compute, that no tensor shows. Each entry was found by measuring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from whet.kernels.processor import has_bf16

_PRODUCTS = (
    torch.ops.aten.mm.default,
    torch.ops.aten.mm.out,
    torch.ops.aten.addmm.default,
    torch.ops.aten.addmm_.default,
)


def workspace(func: Any, args: Sequence[Any], out: Any) -> int:
    """Bytes beside the op's inputs and output.

    A product in bfloat16 whose left operand is transposed, as that of a weight's gradient is: without instructions for
    bfloat16 a CPU adds up in float32, in a buffer of the output's size (torch 2.13, AVX2).
    """
    if func not in _PRODUCTS or not isinstance(out, Tensor) or out.dtype != torch.bfloat16 or out.device.type != "cpu":
        return 0
    left = args[1] if func in _PRODUCTS[2:] else args[0]
    is_transposed = left.dim() == 2 and left.stride(0) == 1 and left.stride(1) > 1
    return 4 * out.numel() if is_transposed and not has_bf16() else 0
