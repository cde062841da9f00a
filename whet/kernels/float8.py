"""Products in 8-bit floating point: both factors are scaled, rounded and multiplied by torch's scaled product.

Scales are powers of two, so a number is rounded alike whatever lies beside it, down to the subnormals of the format:
only those depend on how samples are put together. The formats are those of Micikevicius et al. 2022; recipes are called
as torchao calls them. Sums are made in float32.
"""

# T tokens  K inputs  N outputs of a layer

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional as F

from whet.base.errors import RunError
from whet.kernels import mx

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
_INFINITE = 0x7F800000  # the bits of what is infinite in float32; beyond them are those of no number
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
    of each product's factors, which run along what is summed: one a row, or one for every `block` numbers of it. It
    takes a GPU of this `capability`, and whether a CPU has it too."""

    gradient: torch.dtype
    by_rows: bool
    capability: tuple[int, int]
    block: int = 0
    on_cpu: bool = True

    @property
    def aligned(self) -> int:
        """What sizes of a layer are multiples of."""
        return max(ALIGNED, self.block)


RECIPES: Mapping[str, Recipe] = {
    "tensorwise": Recipe(E5M2, False, (8, 9)),
    "rowwise": Recipe(E4M3, True, (9, 0)),
    "mxfp8": Recipe(E4M3, True, (10, 0), block=mx.BLOCK, on_cpu=False),
}


def check_device(name: str, device: torch.device) -> None:
    """Raise RunError where a device has no product of this recipe: nothing is emulated."""
    is_nvidia = device.type == "cuda" and torch.version.hip is None
    check_capability(name, device.type, torch.cuda.get_device_capability(device) if is_nvidia else None)


def check_capability(name: str, device: str, found: tuple[int, int] | None) -> None:
    """As `check_device`, of a type of device and the compute capability of NVIDIA's, whether or not there is one."""
    recipe, hint = RECIPES[name], "train.fp8=none"
    if device == "cpu" and recipe.on_cpu:
        return
    if found is None:
        others = " or ".join(other for other, one in RECIPES.items() if one.on_cpu)
        said = f"`train.fp8: {name}`: no product of `{device}` devices multiplies such numbers"
        raise RunError(said, at="train.fp8", hint=f"train.fp8={others}" if device == "cpu" else hint)
    if found < recipe.capability:
        needed, has = (".".join(map(str, version)) for version in (recipe.capability, found))
        raise RunError(
            f"`train.fp8: {name}` takes a GPU of compute capability {needed}, and this one has {has}", at="train.fp8",
            hint=hint,
        )  # fmt: skip


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

    The largest is multiplied into the upper half of the range, never beyond it. Of float32's bits, since each operation
    is a launch on a GPU, and a piece of memory that a plan follows: exponents by frexp and ldexp take twice as many.
    """
    limit, top = math.frexp(torch.finfo(dtype).max)
    beyond = int((2 * limit - 1) * 2**23)  # mantissas from there on carry into the exponent
    bits = largest.float().view(torch.int32)
    exponent = (bits + (2**23 - 1 - beyond)) >> 23  # biased by 127, of a mantissa in [1, 2)
    power = (top + 126 + 127 - exponent).clamp(1, 253)
    unknown = (bits <= 0) | (bits >= _INFINITE)
    return (power.masked_fill(unknown, 127) << 23).view(torch.float32)


def rounded(x: Tensor, largest: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x in the format, and what its numbers are multiplied by to be those of x again (float32, shaped as `largest`).

    Where the largest is not finite that is no number: a format may have none for what is infinite, and round it.
    """
    wide = x if x.dtype == torch.bfloat16 else x.float()  # both have the exponents of any scale
    scale = scale_of(largest, dtype)
    return (wide * scale.to(wide.dtype)).to(dtype), scale.reciprocal() + largest.float() * 0


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
        return ctx.how.product(x, ctx.how.weight(weight_NK, 1), x_TK.dtype)

    @staticmethod
    def backward(ctx: Any, grad_TN: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:  # type: ignore[override]
        how: _How = ctx.how
        weight_NK, *kept = ctx.saved_tensors
        x_grad = weight_grad = None
        if ctx.needs_input_grad[0]:
            x_grad = how.product(how.grad(grad_TN, 1), how.weight(weight_NK, 0), ctx.dtype)
        if ctx.needs_input_grad[1]:
            x = how.x(kept[0], 0) if how.recipe.by_rows else (_turned(kept[0]), kept[1])
            weight_grad = how.product(how.grad(grad_TN, 0), x, weight_NK.dtype)
        return x_grad, weight_grad, None, None


@dataclass(frozen=True)
class _How:
    """Rounds the tensors of a layer for a sum over their dimension `over`, which comes last then. Where ranks have
    parts of that dimension, or one scale is for all, the largest number is that of all ranks."""

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
        if self.recipe.block:
            rows = tensor.t() if over == 0 else tensor
            return mx.quantize(F.pad(rows, (0, -rows.shape[1] % self.recipe.block)).contiguous())
        own = None if self.cut is None else lies.get(self.cut.dim)
        by_rows = self.recipe.by_rows
        largest = _largest(tensor, over if by_rows else None)
        if self.cut is not None and own is not None and (not by_rows or own == over):
            dist.all_reduce(largest, op=dist.ReduceOp.MAX, group=self.cut.group)
        numbers, scale = rounded(tensor, largest, dtype)
        return (_turned(numbers) if over == 0 else numbers), scale

    def product(self, a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor], out: torch.dtype) -> Tensor:
        return mx.product(a, b, out) if self.recipe.block else product(a, b, out)


def _largest(tensor: Tensor, over: int | None) -> Tensor:
    """The largest size (), or that of each row or column, (T, 1) or (1, N), in float32."""
    if tensor.numel() == 0:
        shape = () if over is None else tuple(1 if dim == over else size for dim, size in enumerate(tensor.shape))
        return torch.zeros(shape, device=tensor.device)
    norm = torch.linalg.vector_norm
    found = norm(tensor, torch.inf) if over is None else norm(tensor, torch.inf, over, keepdim=True)
    return found.float()


def _turned(numbers_SM: Tensor) -> Tensor:
    """Numbers (S, M) that are summed over their first dimension, as (M, S), with zeros up to a multiple of ALIGNED."""
    bits = numbers_SM.t().view(torch.uint8)
    return F.pad(bits, (0, -bits.shape[1] % ALIGNED)).contiguous().view(numbers_SM.dtype)
