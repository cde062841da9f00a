"""Products in 8-bit floating point: both factors are scaled, rounded and multiplied by torch's scaled product.

Scales are powers of two, so a number is rounded alike whatever lies beside it, down to the subnormals of the format:
only those depend on how samples are put together. The formats are those of Micikevicius et al. 2022; recipes are called
as torchao calls them. Sums are made in float32.
"""

# T tokens  K inputs  N outputs of a layer

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
ALIGNED = 16  # bytes of a row that the tensor cores of a GPU take at once: all dimensions are multiples


@dataclass(frozen=True)
class Cut:
    """A weight (N, K) of which ranks of `group` have parts, cut in dimension `dim`: its inputs too (1), or its outputs
    (0). Largest sizes are then those over ranks, so that all round as one process does."""

    dim: int
    group: ProcessGroup


@dataclass(frozen=True)
class Recipe:
    """Inputs and weights are e4m3, gradients of outputs in a format of their own. Scales are one a tensor, or `by_rows`
    of each product's factors, which run along what is summed."""

    gradient: torch.dtype
    by_rows: bool


RECIPES: Mapping[str, Recipe] = {"tensorwise": Recipe(E5M2, False), "rowwise": Recipe(E4M3, True)}


def linear(x: Tensor, weight: Tensor, recipe: Recipe, cut: Cut | None = None) -> Tensor:
    """x (..., K) times a weight (N, K): (..., N), in the dtype of x, or that of autocast.

    Of a frozen weight nothing of x is kept for the backward pass; else `tensorwise` keeps it in 8 bits.
    """
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        x = x.to(torch.get_autocast_dtype(kind))
    flat = x.reshape(-1, x.shape[-1])
    return _Linear.apply(flat, weight, recipe, cut).view(*x.shape[:-1], weight.shape[0])


def scale_of(largest: Tensor, dtype: torch.dtype) -> Tensor:
    """The power of two by which numbers of at most this size fill the format; 1 for zeros and for what is not finite.

    The largest is multiplied into the upper half of the range, never beyond it.
    """
    limit, top = torch.frexp(torch.tensor(torch.finfo(dtype).max))
    mantissa, exponent = torch.frexp(largest.float())
    power = (int(top) - exponent - (mantissa > limit.item()).to(exponent.dtype)).clamp(-126, 126)
    known = largest.isfinite() & (largest > 0)
    return torch.ldexp(torch.ones_like(mantissa), torch.where(known, power, 0))


def rounded(x: Tensor, largest: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x in the format, and what its numbers are multiplied by to be those of x again (float32, shaped as `largest`)."""
    wide = x if x.dtype == torch.bfloat16 else x.float()  # both have the exponents of any scale
    scale = scale_of(largest, dtype)
    return (wide * scale.to(wide.dtype)).to(dtype), 1 / scale


def product(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor], out: torch.dtype) -> Tensor:
    """The product (M, N) of (M, S) and (N, S), each with what it is multiplied by: one number (), or one a row."""
    (left, left_scale), (right, right_scale) = a, b
    if not left.numel() or not right.numel():
        return torch.zeros(left.shape[0], right.shape[0], dtype=out, device=left.device)
    by_rows = left_scale.dim() > 0
    # A GPU's product with a scale a row gives bfloat16 (cuBLAS, CUTLASS in torch 2.13).
    given = torch.bfloat16 if out == torch.bfloat16 or (by_rows and left.device.type == "cuda") else torch.float32
    scales = (left_scale.view(-1, 1), right_scale.view(1, -1)) if by_rows else (left_scale, right_scale)
    return torch._scaled_mm(left, right.t(), scale_a=scales[0], scale_b=scales[1], out_dtype=given).to(out)


class _Linear(torch.autograd.Function):
    """x W^T, and its gradients: each a product of two factors that are rounded along what is summed."""

    @staticmethod
    def forward(ctx: Any, x_TK: Tensor, weight_NK: Tensor, recipe: Recipe, cut: Cut | None) -> Tensor:
        ctx.how = _How(recipe, cut)
        ctx.dtype, ctx.size = x_TK.dtype, x_TK.shape
        x, is_kept = ctx.how.x(x_TK, 1), ctx.needs_input_grad[1]
        kept = () if not is_kept else (x_TK,) if recipe.by_rows else x
        ctx.save_for_backward(weight_NK, *kept)
        return product(x, ctx.how.weight(weight_NK, 1), x_TK.dtype)

    @staticmethod
    def backward(ctx: Any, grad_TN: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:  # type: ignore[override]
        how: _How = ctx.how
        weight_NK, *kept = ctx.saved_tensors
        x_grad = weight_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = product(how.grad(grad_TN, 1), _turned(how.weight(weight_NK, 0)), ctx.dtype)
        if ctx.needs_input_grad[1]:
            x = (kept[0], kept[1]) if len(kept) == 2 else how.x(kept[0], 0)
            factors = _aligned(_turned(how.grad(grad_TN, 0))), _aligned(_turned(x))
            weight_grad = product(*factors, weight_NK.dtype)
        return x_grad, weight_grad, None, None


@dataclass(frozen=True)
class _How:
    """Rounds the tensors of a layer for a sum over their dimension `over`. Where ranks have parts of that dimension, or
    one scale is for all, the largest number is that of all ranks."""

    recipe: Recipe
    cut: Cut | None

    def x(self, x_TK: Tensor, over: int) -> tuple[Tensor, Tensor]:
        return self._rounded(x_TK, over, E4M3, {1: 1})

    def weight(self, weight_NK: Tensor, over: int) -> tuple[Tensor, Tensor]:
        return self._rounded(weight_NK, over, E4M3, {0: 0, 1: 1})

    def grad(self, grad_TN: Tensor, over: int) -> tuple[Tensor, Tensor]:
        return self._rounded(grad_TN, over, self.recipe.gradient, {0: 1})

    def _rounded(self, tensor: Tensor, over: int, dtype: torch.dtype, lies: Mapping[int, int]) -> tuple[Tensor, Tensor]:
        """`lies` says in which dimension ranks have parts of the tensor, by how the weight is cut."""
        own = None if self.cut is None else lies.get(self.cut.dim)
        by_rows = self.recipe.by_rows
        largest = _largest(tensor, over if by_rows else None)
        if self.cut is not None and own is not None and (not by_rows or own == over):
            dist.all_reduce(largest, op=dist.ReduceOp.MAX, group=self.cut.group)
        return rounded(tensor, largest, dtype)


def _largest(tensor: Tensor, over: int | None) -> Tensor:
    """The largest size (), or that of each row or column, (T, 1) or (1, N), in float32."""
    if tensor.numel() == 0:
        shape = () if over is None else tuple(1 if dim == over else size for dim, size in enumerate(tensor.shape))
        return torch.zeros(shape, device=tensor.device)
    norm = torch.linalg.vector_norm
    found = norm(tensor, torch.inf) if over is None else norm(tensor, torch.inf, over, keepdim=True)
    return found.float()


def _turned(factor: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """A factor (S, M) that is summed over its first dimension, as (M, S)."""
    numbers, scale = factor
    return numbers.t().contiguous(), scale


def _aligned(factor: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """With zeros behind its rows, up to a multiple of ALIGNED."""
    numbers, scale = factor
    beyond = -numbers.shape[1] % ALIGNED
    if not beyond:
        return factor
    return F.pad(numbers.view(torch.uint8), (0, beyond)).view(numbers.dtype), scale
