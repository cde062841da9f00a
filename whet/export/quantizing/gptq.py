"""GPTQ: round one input at a time, and let the inputs still to come make up for the error (Frantar et al. 2022)."""

# O rows (outputs)  I inputs  G groups of a row  B inputs of a block

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from whet.base.errors import ModelError
from whet.kernels.codes import Codes, Grid, decoded, encoded, fit

# Columns between two updates of the whole rest; groups never straddle them.
BLOCK = 128
Order = Literal["off", "static", "group"]


def gptq(
    weight_OI: Tensor, hessian_II: Tensor | None, grid: Grid, *, order: Order = "off", damp: float = 0.01
) -> Codes:
    """Codes that leave little error in the layer's output, given `hessian_II`, a multiple of the sum of x x^T.

    Algorithm 1 of the paper, in the dtype of the Hessian. With `order` the inputs that carry most come first; `static`
    takes the scales of neighbouring inputs as they were at the start, so the codes need no order to be read, and
    `group` makes groups in that order, which `group_of` tells. Differs from the authors' code: an input that was never
    active is rounded to nearest and not set to zero; scales of a group are taken when it is reached with all earlier
    errors in it. O(I^3 + O I^2); beside what is given, three matrices of I x I are held.
    """
    assert hessian_II is not None
    inputs, size = weight_OI.shape[1], grid.size(weight_OI.shape[1])
    order_I = _order(hessian_II, order)
    work_OI = weight_OI.to(hessian_II.dtype)[:, order_I]
    factor_II = _factor(_damped(hessian_II[order_I[:, None], order_I], damp))
    whole = fit(weight_OI, grid) if order == "static" or grid.group is None else None
    num_groups = inputs // size
    codes_OI = torch.empty(weight_OI.shape, dtype=torch.int8, device=weight_OI.device)
    scale_OG = torch.empty(len(weight_OI), num_groups, dtype=grid.scale_dtype, device=weight_OI.device)
    zero_OG = None if grid.symmetric else torch.empty(scale_OG.shape, dtype=torch.int8, device=weight_OI.device)
    group_of_I = order_I // size if order == "static" else torch.arange(inputs, device=order_I.device) // size
    if whole is not None:
        scale_OG, zero_OG = whole
    stride = BLOCK if whole is not None else size * max(1, BLOCK // size)  # groups are whole when they are reached
    for start in range(0, inputs, stride):
        stop = min(start + stride, inputs)
        block_OB, errors_OB = work_OI[:, start:stop], torch.empty_like(work_OI[:, start:stop])
        for i in range(start, stop):
            group = int(group_of_I[i])
            if whole is None and i % size == 0:
                scale_O1, zero_O1 = fit(work_OI[:, i : i + size], grid)
                scale_OG[:, group] = scale_O1[:, 0]
                if zero_OG is not None and zero_O1 is not None:
                    zero_OG[:, group] = zero_O1[:, 0]
            at = i - start
            scale_O, zero_O = scale_OG[:, group], None if zero_OG is None else zero_OG[:, group]
            codes_OI[:, i] = encoded(block_OB[:, at], scale_O, zero_O, grid)
            rounded_O = decoded(codes_OI[:, i], scale_O, zero_O).to(work_OI.dtype)
            errors_OB[:, at] = (block_OB[:, at] - rounded_O) / factor_II[i, i]
            block_OB[:, at + 1 :] -= errors_OB[:, at, None] * factor_II[i, i + 1 : stop]
        work_OI[:, stop:] -= errors_OB @ factor_II[start:stop, stop:]
    back_I = order_I.argsort()
    is_mixed = order == "group" and num_groups > 1
    return Codes(codes_OI[:, back_I], scale_OG, zero_OG, group_of_I[back_I].to(torch.int32) if is_mixed else None)


def output_error(weight_OI: Tensor, codes: Codes, hessian_II: Tensor) -> float:
    """The squared error of the layer's output that the codes leave, in the units of the Hessian."""
    gap_OI = weight_OI.to(hessian_II.dtype) - codes.dense().to(hessian_II.dtype)
    return float(((gap_OI @ hessian_II) * gap_OI).sum())


def _order(hessian_II: Tensor, order: Order) -> Tensor:
    if order == "off":
        return torch.arange(len(hessian_II), device=hessian_II.device)
    return hessian_II.diagonal().argsort(descending=True, stable=True)


def _damped(hessian_II: Tensor, damp: float) -> Tensor:
    """The Hessian, in place, with a share of its mean diagonal added to it, and 1 for inputs that were never active."""
    diagonal_I = hessian_II.diagonal()
    diagonal_I[diagonal_I == 0] = 1.0
    diagonal_I += damp * diagonal_I.mean()
    return hessian_II


def _factor(hessian_II: Tensor) -> Tensor:
    """The upper Cholesky factor of the inverse; rounding may need more damping than was asked for."""
    for _ in range(4):
        factor_II, failed = torch.linalg.cholesky_ex(hessian_II)
        if not failed:
            inverse_II = torch.cholesky_inverse(factor_II)
            torch.linalg.cholesky_ex(inverse_II, upper=True, out=(factor_II, failed))
            if not failed:
                return factor_II
        hessian_II.diagonal().add_(0.1 * hessian_II.diagonal().mean())
    raise ModelError("the activations of a layer are no numbers, so it cannot be calibrated", hint="--kind int4")
