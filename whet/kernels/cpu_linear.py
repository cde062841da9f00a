"""A linear layer on the CPU by oneDNN: with its weights as they lie or packed, and on more threads where that pays.

`nn.functional.linear` has MKL make float32 products, which arranges all weights anew for the few rows of a decoding
step. Measured on two cores of an AMD EPYC in float32, GFLOPS by `linear`, here, and here with packed weights, on one
thread and on two: 768 inputs and 4,096 outputs, 1 row 25, 28, 29 and 20, 43, 47; 16 rows 55, 67, 96 and 52, 114, 178;
256 rows 71, 97, 105 and 121, 192, 204. With packed weights a row gets the same bits beside others as alone.
"""

# R rows  K inputs  N outputs

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional as F

# A call of oneDNN takes 10 microseconds more than one of MKL: 1 row of 256 x 256 takes 7 and 19.
_LEAST_WORK = 1 << 21
_LEAST_PACKED = 1 << 17
# More threads are asked for from so many products of numbers on: below, one thread is done in 50 microseconds. Few
# rows count as so many, since reading the weights takes as long.
_WIDE_WORK = 1 << 22
_ROWS = 8


def packs(weight_NK: Tensor) -> bool:
    """Whether products take less time once these weights are packed."""
    is_known = weight_NK.device.type == "cpu" and weight_NK.dtype == torch.float32 and weight_NK.layout is torch.strided
    return is_known and weight_NK.numel() >= _LEAST_PACKED and torch.backends.mkldnn.is_available()


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


def linear(x_RK: Tensor, weight_NK: Tensor, bias_N: Tensor | None = None, threads: int = 0) -> Tensor:
    """`nn.functional.linear` (R, N), to rounding, of weights that may be packed; a large product on at least so many
    threads. Has no gradients."""
    if threads and max(len(x_RK), _ROWS) * weight_NK.numel() >= _WIDE_WORK:
        with at_least(threads):
            return _linear(x_RK, weight_NK, bias_N)
    return _linear(x_RK, weight_NK, bias_N)


def _linear(x_RK: Tensor, weight_NK: Tensor, bias_N: Tensor | None) -> Tensor:
    if is_packed(weight_NK) or (len(x_RK) * weight_NK.numel() >= _LEAST_WORK and packs(weight_NK)):
        return torch.ops.mkldnn._linear_pointwise(x_RK, weight_NK, bias_N, "none", [], "")
    return F.linear(x_RK, weight_NK, bias_N)
