"""Quantized: a frozen weight in few bits that a plain `nn.Linear` holds and multiplies with.

Reading it in any other operation gives its plain values, so PEFT, probes and merges need not know of it. What is
assigned to it is quantized (`copy_`, `.data =`); changing it in place is refused. `nn.functional.linear` unpacks it
for the product and again for the backward pass, and keeps the packed form between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from whet.base.errors import ModelError
from whet.kernels import grouped, int8, nf4

CODECS: Mapping[str, ModuleType] = {"nf4": nf4, "int8": int8, "grouped": grouped}
_aten = torch.ops.aten
_SET_DATA = torch.Tensor.data.__set__  # type: ignore[attr-defined]


class Quantized(torch.Tensor):
    """A tensor of logical `shape` and `dtype` whose values lie packed in `parts`, as `codec` has them."""

    codec: str
    parts: dict[str, Tensor]

    @staticmethod
    def __new__(cls, codec: str, parts: dict[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> Quantized:
        device = next(iter(parts.values())).device
        return torch.Tensor._make_wrapper_subclass(cls, shape, dtype=dtype, device=device, requires_grad=False)

    def __init__(self, codec: str, parts: dict[str, Tensor], shape: torch.Size, dtype: torch.dtype) -> None:
        self.codec, self.parts = codec, parts

    @classmethod
    def of(cls, weight: Tensor, codec: str, dtype: torch.dtype | None = None) -> Quantized:
        """Quantize an ordinary tensor; the result stands for its shape, and for `dtype` or its own."""
        return cls(codec, CODECS[codec].quantize(weight), weight.shape, dtype or weight.dtype)

    def dequantize(self, dtype: torch.dtype | None = None) -> Tensor:  # type: ignore[override]
        """The plain tensor, unpacked anew, in `dtype` or its own."""
        return CODECS[self.codec].dequantize(self.parts, self.shape, dtype or self.dtype)

    @property
    def num_bytes(self) -> int:
        """What the packed parts take."""
        return sum(part.numel() * part.element_size() for part in self.parts.values())

    def __repr__(self, *, tensor_contents: Any = None) -> str:  # type: ignore[override]
        return f"Quantized({self.codec}, {tuple(self.shape)}, {self.dtype}, {self.device}, {self.num_bytes:,} bytes)"

    def __tensor_flatten__(self) -> tuple[list[str], Any]:
        for name, part in self.parts.items():
            object.__setattr__(self, f"_{name}", part)
        return [f"_{name}" for name in self.parts], (self.codec, self.dtype)

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, Tensor], facts: Any, size: torch.Size, stride: Any) -> Quantized:
        codec, dtype = facts
        return Quantized(codec, {name[1:]: part for name, part in inner.items()}, size, dtype)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.nn.functional.linear:
            return _linear(*args, **(kwargs or {}))
        if func == _SET_DATA:  # PiSSA and OLoRA put what is left of the weight there
            _copy_in(*args)
            return None
        # The default would dress every result, plain as it is, in this class again.
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        kwargs = kwargs or {}
        handler = _HANDLERS.get(func)
        if handler is not None:
            return handler(*args, **kwargs)
        _refuse_writing(func, args, kwargs)
        return func(*tree_map(_plain, args), **tree_map(_plain, kwargs))

    def _like(self, each: Callable[[Tensor], Tensor], dtype: torch.dtype | None = None) -> Quantized:
        parts = {name: each(part) for name, part in self.parts.items()}
        return Quantized(self.codec, parts, self.shape, dtype or self.dtype)


def linear(x: Tensor, weight: Quantized, bias: Tensor | None = None) -> Tensor:
    """`nn.functional.linear` that saves the packed weight for backward. Under autocast, in autocast's dtype."""
    kind = x.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        x, bias = x.to(dtype), None if bias is None else bias.to(dtype)
    product = _Product.apply(x, weight)
    return product if bias is None else product + bias


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if isinstance(weight, Quantized) and not isinstance(input, Quantized):
        return linear(input, weight, bias)
    plain = [_plain(value) for value in (input, weight, bias)]
    return torch.nn.functional.linear(*plain)


class _Product(torch.autograd.Function):
    """x W^T with gradients for x alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Quantized) -> Tensor:
        ctx.weight = weight  # not `save_for_backward`, which would detach it, and nothing ever writes into it
        return torch.nn.functional.linear(x, weight.dequantize(x.dtype))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return grad @ ctx.weight.dequantize(grad.dtype), None


def _plain(value: Any) -> Any:
    return value.dequantize() if isinstance(value, Quantized) else value


def _refuse_writing(func: Any, args: Any, kwargs: Any) -> None:
    """Without this, an operation in place would change an unpacked copy, and nobody would notice."""
    for argument, value in zip(func._schema.arguments, args, strict=False):
        if argument.alias_info is not None and argument.alias_info.is_write and isinstance(value, Quantized):
            name = func._schema.name.removeprefix("aten::")
            raise ModelError(
                f"a quantized weight cannot be changed in place (`{name}`)",
                hint="merge into the plain weights: load the model without `quantize`",
            )
    if isinstance(kwargs.get("out"), Quantized):
        raise ModelError("a quantized weight cannot be written to", hint="load the model without `quantize`")


def _copy_to(weight: Quantized, *, dtype=None, device=None, non_blocking=False, **layout: Any) -> Quantized:
    return weight._like(lambda part: part.to(device, non_blocking=non_blocking, copy=True), dtype)


def _copy_in(weight: Quantized, source: Tensor, non_blocking: bool = False) -> Quantized:
    """Take the values of `source`, quantizing them unless it is quantized alike."""
    if not isinstance(source, Quantized) or source.codec != weight.codec:
        source = Quantized.of(_plain(source).to(weight.device), weight.codec)
    for name, part in weight.parts.items():
        part.copy_(source.parts[name], non_blocking)
    return weight


def _empty_like(weight: Quantized, *, dtype=None, device=None, **layout: Any) -> Quantized:
    return weight._like(lambda part: torch.empty_like(part, device=device), dtype)


_HANDLERS: dict[Any, Callable[..., Any]] = {
    _aten.detach.default: lambda weight: weight._like(lambda part: part.detach()),
    _aten.alias.default: lambda weight: weight._like(lambda part: part),
    _aten.clone.default: lambda weight, memory_format=None: weight._like(lambda part: part.clone()),
    _aten._to_copy.default: _copy_to,
    _aten.copy_.default: _copy_in,
    _aten.empty_like.default: _empty_like,
}
