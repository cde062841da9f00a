"""Selective recomputation: what is dear to compute is kept for the backward pass, and all else is computed again.

Beside `torch.utils.checkpoint`'s own (torch 2.13), what was kept may be written into afterwards, as adapters do with
the product of their base; and it may leave the device, which hooks of saved tensors do not see there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict, deque
from collections.abc import Iterator
from functools import cache
from typing import Any, Self

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from whet.base.errors import ModelError
from whet.models.forward.offloaded import Offload, brought

# Products of matrices and attention, by name: an op comes to be when the file that defines it is loaded.
_NAMES = frozenset((
    *(f"aten::{name}" for name in (
        "mm", "addmm", "bmm", "baddbmm", "_scaled_mm", "_scaled_mm_v2", "_grouped_mm", "_scaled_grouped_mm",
        "_scaled_grouped_mm_v2", "convolution", "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_cudnn_attention", "_flash_attention_forward", "_efficient_attention_forward",
    )),
    "torch_attn::_varlen_attn",
))  # fmt: skip
Contexts = tuple[Any, Any]
Kept = dict[Any, deque[Any]]  # by op


@cache
def is_dear(func: Any) -> bool:
    """Whether what an op gives is kept: a product of matrices, or attention."""
    return func.name() in _NAMES


def contexts(offload: Offload | None) -> Contexts:
    """For a layer's forward pass, and for the one that is made again. With an `offload` the layer is one of it."""
    kept: Kept = defaultdict(deque)
    return _OnDevice(kept) if offload is None else _Elsewhere(kept, offload), _Using(kept)


class _Keeping(TorchDispatchMode):
    """Keeps what dear ops give, in turn."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self._kept = kept

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if is_dear(func):
            self._kept[func].append(tree_map(lambda one: self.put(one) if isinstance(one, Tensor) else one, out))
        return out

    @abstractmethod
    def put(self, tensor: Tensor) -> Any:
        """What is kept of it, from which it comes back."""


class _Elsewhere(_Keeping):
    """As what leaves the device: a copy."""

    def __init__(self, kept: Kept, offload: Offload) -> None:
        super().__init__(kept)
        self._offload = offload

    def put(self, tensor: Tensor) -> Any:
        return self._offload.put(tensor)


class _OnDevice(_Keeping):
    """As it is, and as a copy where something is about to write into it."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(kept)
        self._holders: dict[int, list[_Held]] = defaultdict(list)

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._holders.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in _written(func, args, kwargs or {}):
            for holder in self._holders.pop(tensor.untyped_storage()._cdata, ()):
                holder.tensor = holder.tensor.clone()
        return super().__torch_dispatch__(func, types, args, kwargs)

    def put(self, tensor: Tensor) -> Any:
        holder = _Held(tensor.detach())  # autograd makes it part of the graph that holds this: nobody would let go
        self._holders[tensor.untyped_storage()._cdata].append(holder)
        return holder


class _Held:
    """Holds its storage, so that no other one comes to lie there."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Using(TorchDispatchMode):
    """Gives what was kept in place of computing it, once: what the backward pass did not come to is let go."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        self._kept = kept
        self._is_used = False

    def __enter__(self) -> Self:
        if self._is_used:
            raise ModelError(
                "what a layer kept is gone after the first backward pass, and this is another through the same graph",
                at="train.recompute", hint="train.recompute=full",
            )  # fmt: skip
        self._is_used = True
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._kept.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if is_dear(func) and self._kept[func]:
            return tree_map(_given, self._kept[func].popleft())
        return func(*args, **(kwargs or {}))


def _given(kept: Any) -> Any:
    if isinstance(kept, _Held):
        return kept.tensor
    found = brought(kept)
    return found.clone() if isinstance(found, Tensor) else found  # others may see the same storage


def _written(func: Any, args: Any, kwargs: Any) -> Iterator[Tensor]:
    """The tensors that an op writes into."""
    if not func._schema.is_mutable:
        return
    for argument, value in zip(func._schema.arguments, args, strict=False):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from (one for one in tree_leaves(value) if isinstance(one, Tensor))
    yield from (one for one in tree_leaves(kwargs.get("out")) if isinstance(one, Tensor))
