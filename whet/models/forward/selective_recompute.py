"""Selective recompute: what matrix products and attention give is saved for the backward pass, all else recomputed.

Beside `torch.utils.checkpoint`'s own (torch 2.13), what was saved may be written into afterwards, as adapters do with
the product of their base; and it may be offloaded, which hooks of saved tensors do not see there.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict, deque
from collections.abc import Iterator
from functools import cache
from typing import Any, Self

from torch import Tensor
from torch._guards import TracingContext
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts

from whet.base.errors import ModelError
from whet.models.forward.activation_offload import ActivationOffload, unpacked

# Products of matrices and attention, by name: an op comes to be when the file that defines it is loaded.
_SAVED_OPS = frozenset((
    *(f"aten::{name}" for name in (
        "mm", "addmm", "bmm", "baddbmm", "_scaled_mm", "_scaled_mm_v2", "_grouped_mm", "_scaled_grouped_mm",
        "_scaled_grouped_mm_v2", "convolution", "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_cudnn_attention", "_flash_attention_forward", "_efficient_attention_forward",
    )),
    "torch_attn::_varlen_attn",
))  # fmt: skip
Contexts = tuple[Any, Any]
Saved = dict[Any, deque[Any]]  # by op


@cache
def is_saved(func: Any) -> bool:
    """Whether an op's result is saved: a product of matrices, or attention."""
    return func.name() in _SAVED_OPS


def contexts(offload: ActivationOffload | None) -> Contexts:
    """For a layer's forward pass, and for its recompute. With an `offload` the layer is one of it."""
    saved: Saved = defaultdict(deque)
    return _SaveOnDevice(saved) if offload is None else _SaveOffloaded(saved, offload), _Recompute(saved)


def in_graph(offload: ActivationOffload | None) -> Contexts:
    """The same choice for a layer that is compiled: its graph is told what to save, and computes all else again.

    A layer of which torch (2.13) makes no one graph is computed as it is, and saves as one that is not compiled.
    """
    return contexts(offload) if TracingContext.try_get() is None else create_selective_checkpoint_contexts(_policy)


def _policy(ctx: Any, func: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if is_saved(func) else CheckpointPolicy.PREFER_RECOMPUTE


class _Save(TorchDispatchMode):
    """Saves the results of the saved ops, in turn."""

    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self._saved = saved

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if is_saved(func):
            self._saved[func].append(tree_map(lambda one: self.save(one) if isinstance(one, Tensor) else one, out))
        return out

    @abstractmethod
    def save(self, tensor: Tensor) -> Any:
        """What `_loaded` makes the tensor of."""


class _SaveOffloaded(_Save):
    """As a copy that is offloaded."""

    def __init__(self, saved: Saved, offload: ActivationOffload) -> None:
        super().__init__(saved)
        self._offload = offload

    def save(self, tensor: Tensor) -> Any:
        return self._offload.pack(tensor)


class _SaveOnDevice(_Save):
    """As it is, and as a copy where something is about to write into it."""

    def __init__(self, saved: Saved) -> None:
        super().__init__(saved)
        self._holders: dict[int, list[_SavedTensor]] = defaultdict(list)

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._holders.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for tensor in _written(func, args, kwargs or {}):
            for holder in self._holders.pop(tensor.untyped_storage()._cdata, ()):
                holder.tensor = holder.tensor.clone()
        return super().__torch_dispatch__(func, types, args, kwargs)

    def save(self, tensor: Tensor) -> Any:
        holder = _SavedTensor(
            tensor.detach()
        )  # autograd makes it part of the graph that holds this: nobody would let go
        self._holders[tensor.untyped_storage()._cdata].append(holder)
        return holder


class _SavedTensor:
    """Holds its storage, so that no other one comes to lie there."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


class _Recompute(TorchDispatchMode):
    """Gives what was saved in place of computing it, once: what the backward pass did not come to is freed."""

    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self._saved = saved
        self._is_used = False

    def __enter__(self) -> Self:
        if self._is_used:
            raise ModelError(
                "what a layer saved is freed after the first backward pass, and this is another through the same graph",
                at="train.recompute", hint="train.recompute=full",
            )  # fmt: skip
        self._is_used = True
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self._saved.clear()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if is_saved(func) and self._saved[func]:
            return tree_map(_loaded, self._saved[func].popleft())
        return func(*args, **(kwargs or {}))


def _loaded(saved: Any) -> Any:
    if isinstance(saved, _SavedTensor):
        return saved.tensor
    found = unpacked(saved)
    return found.clone() if isinstance(found, Tensor) else found  # others may see the same storage


def _written(func: Any, args: Any, kwargs: Any) -> Iterator[Tensor]:
    """The tensors that an op writes into."""
    if not func._schema.is_mutable:
        return
    for argument, value in zip(func._schema.arguments, args, strict=False):
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield from (one for one in tree_leaves(value) if isinstance(one, Tensor))
    yield from (one for one in tree_leaves(kwargs.get("out")) if isinstance(one, Tensor))
