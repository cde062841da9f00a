"""A linear layer on the CPU by oneDNN, with its weights as they lie or packed, and on more threads where that pays.

`nn.functional.linear` has MKL make float32 products, which arranges all weights anew for the few rows of a decoding
step. Measured on two cores of an AMD EPYC in float32, GFLOPS by `linear`, here, and here with packed weights, on one
thread and on two: 768 inputs and 4,096 outputs, 1 row 25, 28, 29 and 20, 43, 47; 16 rows 55, 67, 96 and 52, 114, 178;
256 rows 71, 97, 105 and 121, 192, 204. With packed weights a row gets the same bits beside others as alone.

Fewer rows than four of packed weights take longer than four, since oneDNN then reads memory at 15 GB/s where it can at
20 (29 and 42 on two threads): large products are made of four.
"""

# R rows  K inputs  N outputs

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

# What is done with a product: oneDNN does it while it writes, which saves a pass over what many rows give.
Then = Literal["silu"] | tuple[Literal["add", "mul"], Tensor] | None

# A call of oneDNN takes 10 microseconds more than one of MKL: 1 row of 256 x 256 takes 7 and 19.
_LEAST_WORK = 1 << 21
_LEAST_PACKED = 1 << 17
# Rows that large products of packed weights have at least. Weights of fewer numbers lie in the processor's cache.
_FULL_ROWS, _FAR = 4, 1 << 19
# More threads are asked for from so many products of numbers on: below, one thread is done in 50 microseconds. Few
# rows count as so many, since reading the weights takes as long.
_WIDE_WORK = 1 << 22
_ROWS = 8


def packs(weight_NK: Tensor, num: int = 0) -> bool:
    """Whether products take less time once these weights are packed, or all `num` that they are some of."""
    is_known = weight_NK.device.type == "cpu" and weight_NK.dtype == torch.float32 and weight_NK.layout is torch.strided
    return is_known and (num or weight_NK.numel()) >= _LEAST_PACKED and torch.backends.mkldnn.is_available()


def packed(weight_NK: Tensor) -> Tensor:
    """Weights as `linear` reads them fastest. `to_dense` gives them back, bit for bit."""
    return torch.ops.mkldnn._reorder_linear_weight(weight_NK.contiguous(), 2 * _ROWS)


def is_packed(weight_NK: Tensor) -> bool:
    return weight_NK.layout is torch._mkldnn  # type: ignore[attr-defined]


@contextmanager
def at_least(threads: int) -> Iterator[None]:
    """Operations of this thread on so many threads inside the block, if there are not more already. 2 microseconds."""
    own = torch.get_num_threads()
    if threads <= own:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(own)


def linear(
    x_RK: Tensor, weight_NK: Tensor, bias_N: Tensor | None = None, threads: int = 0, then: Then = None
) -> Tensor:
    """`nn.functional.linear` (R, N), to rounding, of weights that may be packed, and what is to be done `then`; a large
    product on at least so many threads. Has no gradients."""
    if threads and max(len(x_RK), _ROWS) * weight_NK.numel() >= _WIDE_WORK:
        with at_least(threads):
            return _linear(x_RK, weight_NK, bias_N, then)
    return _linear(x_RK, weight_NK, bias_N, then)


def _linear(x_RK: Tensor, weight_NK: Tensor, bias_N: Tensor | None, then: Then) -> Tensor:
    if not is_packed(weight_NK) and (len(x_RK) * weight_NK.numel() < _LEAST_WORK or not packs(weight_NK)):
        return done(F.linear(x_RK, weight_NK, bias_N), then)
    name, num = "swish" if then == "silu" else "none", len(x_RK)
    is_short = num < _FULL_ROWS and is_packed(weight_NK) and weight_NK.numel() >= _FAR
    if isinstance(then, tuple) and not is_short:
        return torch.ops.mkldnn._linear_pointwise.binary(x_RK, then[1], weight_NK, bias_N, then[0])
    if is_short:
        x_RK = F.pad(x_RK, (0, 0, 0, _FULL_ROWS - num))
    y_RN = torch.ops.mkldnn._linear_pointwise(x_RK, weight_NK, bias_N, name, [], "")[:num]
    return done(y_RN, then) if isinstance(then, tuple) else y_RN


def done(y_RN: Tensor, then: Then) -> Tensor:
    """What is to be done with a product that is this call's own."""
    if then is None:
        return y_RN
    if then == "silu":
        return F.silu(y_RN, inplace=True)
    how, other_RN = then
    return y_RN.mul_(other_RN) if how == "mul" else y_RN.add_(other_RN)
