"""What ops of a processor take of memory that no tensor shows. Each entry was found by measuring (torch 2.13)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from whet.kernels.processor import has_bf16

_AFTER_SUMS = (torch.ops.aten.addmm.default, torch.ops.aten.addmm_.default)
_PRODUCTS = (torch.ops.aten.mm.default, torch.ops.aten.mm.out, *_AFTER_SUMS)
_ATTENTION_BACK = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default
# Bytes of the code that oneDNN makes for a product in bfloat16 of sizes that it has not met, and keeps for 1,024 of
# them (AVX512-BF16, 548 to 580 KiB over eight kinds of shapes).
KERNEL_BYTES = 560 << 10
_KERNELS = {_ATTENTION_BACK: 3}  # products within an op
_CHOOSING = ("condition", "mask")


@dataclass(frozen=True, slots=True)
class Processor:
    """A CPU, and whether it has instructions for bfloat16; a card takes none of this."""

    has_bf16: bool

    @classmethod
    def here(cls) -> Processor:
        return cls(has_bf16())

    def passing(self, func: Any, args: Sequence[Any], out: Any) -> int:
        """Bytes beside the op's inputs and output while it computes.

        What is combined element by element with another dtype is copied into the common one first. A product in
        bfloat16 whose left operand is transposed, as that of a weight's gradient is, adds up in a float32 buffer of the
        output's size where there are no instructions for bfloat16.
        """
        if torch.Tag.pointwise in func.tags:
            return sum(_cast(func, args, out))
        if func not in _PRODUCTS or not isinstance(out, Tensor) or out.dtype != torch.bfloat16 or self.has_bf16:
            return 0
        left = args[1] if func in _AFTER_SUMS else args[0]
        is_transposed = left.dim() == 2 and left.stride(0) == 1 and left.stride(1) > 1
        return 4 * out.numel() if is_transposed else 0

    def kernels(self, func: Any, args: Sequence[Any]) -> tuple[Hashable, int] | None:
        """What code is made for, and its bytes, which stay."""
        if not self.has_bf16 or (func not in _PRODUCTS and func not in _KERNELS):
            return None
        operands = [one for one in args if isinstance(one, Tensor)]
        if operands[0].dtype != torch.bfloat16:
            return None
        shapes = tuple((tuple(one.shape), one.stride()) for one in operands)
        return (func, shapes), KERNEL_BYTES * _KERNELS.get(func, 1)


def _cast(func: Any, args: Sequence[Any], out: Any) -> Iterator[int]:
    """Bytes of each operand, and of what is written over, in the dtype that the op computes in."""
    names = [one.name for one in func._schema.arguments]
    given = [
        one for name, one in zip(names, args, strict=False)
        if isinstance(one, Tensor) and one.dim() > 0 and name not in _CHOOSING
    ]  # fmt: skip
    if len({one.dtype for one in given}) < 2:
        return
    common = reduce(torch.promote_types, (one.dtype for one in given))
    yield from (one.numel() * common.itemsize for one in given if one.dtype != common)
    if isinstance(out, Tensor) and out is args[0] and out.dtype != common:
        yield out.numel() * common.itemsize
