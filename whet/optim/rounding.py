"""How low-precision tensors take values between their own: stochastic rounding, and Kahan's residual.

The noise is a function of (key, global index of the element), so a tensor that is cut into shards or chunks is
rounded as a whole one would be, and a resumed run rounds alike. Nothing is drawn from a generator.
"""

from __future__ import annotations

import torch
from torch import Tensor

from whet.base.seeds import derive

_ODD, _MIX = -7046029254386353131, -4658895280553007687  # 2**64 / golden ratio, and splitmix64's first multiplier


def noise(start: int | Tensor, count: int, key: int, device: torch.device) -> Tensor:
    """`count` int32 of 0 .. 65535 for the elements from `start` on, or of these indices (int64)."""
    if isinstance(start, Tensor):
        mixed = start.clone()
    else:
        mixed = torch.arange(start, start + count, dtype=torch.int64, device=device)
    mixed.mul_(_ODD).add_(key)
    mixed.bitwise_xor_(mixed >> 30).mul_(_MIX)
    mixed.bitwise_xor_(mixed >> 27)
    return ((mixed >> 20) & 0xFFFF).to(torch.int32)


def key_of(*parts: int | str) -> int:
    """The key of one tensor in one step."""
    return derive(*parts) >> 1


def round_stochastically(target: Tensor, value: Tensor, start: int | Tensor, key: int) -> None:
    """Write float32 `value` into bfloat16 `target`, up or down with the probability that makes the mean right.

    `start` is the global index of the first element, or (int64) that of each; both tensors are contiguous.
    """
    bits = value.contiguous().view(torch.int32) + noise(start, value.numel(), key, value.device).view(value.shape)
    target.copy_((bits & -65536).view(torch.float32))


def round_with_residual(target: Tensor, residual: Tensor, value: Tensor) -> None:
    """Write float32 `value` into bfloat16 `target`, and what is lost into bfloat16 `residual` (Kahan 1965)."""
    target.copy_(value)
    residual.copy_(value - target.float())
