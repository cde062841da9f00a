"""A linear layer of few rows on all threads of the CPU.

MKL cuts a product by its rows: `nn.functional.linear` of a decoding step, which has a row an answer, leaves threads
without work. Here it is cut by the outputs. Measured on two cores of an AMD EPYC, 768 inputs and outputs in float32,
microseconds on one thread, by `linear` on two, and here: 1 row 42, 42, 25; 4 rows 110, 112, 58; 16 rows 243, 170, 132;
64 rows 773, 583, 413; 256 rows are alike.
"""

# R rows  K inputs  N outputs  P pieces, one a thread

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# From so many rows on one product the other way round is as fast as one a piece, and needs no copy.
_MANY = 16
_LEAST_OUTPUTS = 32
# Of fewer weights one thread has its product before another is awake: 256 x 256 takes 8 and 13 microseconds.
_LEAST_WEIGHTS = 1 << 17


def few_rows(x_RK: Tensor, weight_NK: Tensor, bias_N: Tensor | None = None) -> Tensor:
    """`nn.functional.linear` (R, N), to rounding. What comes back need not be contiguous. Has no gradients."""
    threads, (outputs, inputs) = torch.get_num_threads(), weight_NK.shape
    if threads == 1 or x_RK.device.type != "cpu" or weight_NK.numel() < _LEAST_WEIGHTS:
        return F.linear(x_RK, weight_NK, bias_N)
    if len(x_RK) >= _MANY:
        found_RN = torch.mm(weight_NK, x_RK.t()).t()
    elif outputs % threads or outputs < threads * _LEAST_OUTPUTS or not weight_NK.is_contiguous():
        return F.linear(x_RK, weight_NK, bias_N)
    else:
        pieces_PKN = weight_NK.view(threads, -1, inputs).transpose(1, 2)
        found_PRN = torch.bmm(x_RK.expand(threads, -1, -1), pieces_PKN)
        found_RN = found_PRN.transpose(0, 1).reshape(len(x_RK), outputs)
    return found_RN if bias_N is None else found_RN + bias_N
