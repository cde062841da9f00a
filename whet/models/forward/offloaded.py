"""Activations that leave the device when a layer has been computed, and come back for its backward pass.

What autograd keeps are views of storages; a storage leaves once, however many views of it are kept, and comes back as
it was, so that the backward pass sees the same numbers in the same places: its results are the same to the bit. While a
layer's backward pass runs, what the layer before it kept is on its way already.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from whet.kernels.host_memory import Away, HostMemory
from whet.kernels.layout import local
from whet.kernels.quantized import Quantized

SMALLEST_BYTES = 4096  # what is smaller stays: statistics of norms, numbers


class Offload:
    """Takes what layers keep for the backward pass to `memory`. Copies of a module share it."""

    def __init__(self, memory: HostMemory) -> None:
        self.memory = memory
        self._away: weakref.WeakValueDictionary[tuple[Any, ...], _Storage] = weakref.WeakValueDictionary()
        self._last: weakref.ref[_Layer] | None = None
        self._pack: Callable[[Tensor], Any] | None = None

    def __deepcopy__(self, memo: Any) -> Offload:
        return self

    @contextmanager
    def layer(self, module: nn.Module) -> Iterator[None]:
        """Inside, the forward pass of a layer is computed. Its weights stay where they are."""
        weights = {storage for tensor in (*module.parameters(), *module.buffers()) for storage in _storages(tensor)}
        layer = _Layer(self._last() if self._last is not None else None)
        self._last = weakref.ref(layer)

        def pack(tensor: Tensor) -> Any:
            if not _may_leave(tensor) or tensor.untyped_storage()._cdata in weights:
                return tensor.detach()  # a graph that holds its own results would outlive a backward pass that fails
            return _View(self._left(tensor.detach(), layer), layer, tensor)

        before, self._pack = self._pack, pack
        try:
            with torch.autograd.graph.saved_tensors_hooks(pack, brought):
                yield
        finally:
            self._pack = before

    def put(self, tensor: Tensor) -> Any:
        """Inside a layer: what is kept of a tensor, for `brought`."""
        assert self._pack is not None
        return self._pack(tensor)

    def _left(self, tensor: Tensor, layer: _Layer) -> _Storage:
        """The storage of a tensor, which leaves unless it has left as it is now."""
        storage = tensor.untyped_storage()
        key = storage._cdata, tensor.dtype, tensor._version
        found = self._away.get(key)
        if found is None:
            whole = tensor.as_strided((storage.nbytes() // tensor.element_size(),), (1,), 0)
            found = self._away[key] = _Storage(self.memory.take(whole))
            # Another storage may come to lie where this one has.
            weakref.finalize(storage, self._away.pop, key, None).atexit = False
        layer.kept.append(weakref.ref(found))
        return found


class _Layer:
    """What a layer has kept, and the layer before it, as long as their backward passes are to come."""

    def __init__(self, before: _Layer | None) -> None:
        self.kept: list[weakref.ref[_Storage]] = []
        self._before = None if before is None else weakref.ref(before)
        self._has_begun = False

    def begin_backward(self) -> None:
        """Let what this layer has kept come, and that of the layer whose backward pass is the next."""
        if self._has_begun:
            return
        self._has_begun = True
        before = None if self._before is None else self._before()
        for one in (*self.kept, *(() if before is None else before.kept)):
            if (storage := one()) is not None:
                storage.fetch()


class _Storage:
    """A storage that has left, and the flat tensor (n,) over it while somebody has it back."""

    def __init__(self, away: Away) -> None:
        self._away = away
        self._here: weakref.ref[torch.UntypedStorage] | None = None

    def fetch(self) -> None:
        if self._here is None or self._here() is None:
            self._away.fetch()

    def view(self, dtype: torch.dtype, size: torch.Size, stride: tuple[int, ...], offset: int) -> Tensor:
        storage = None if self._here is None else self._here()
        if storage is not None:
            return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, size, stride)
        flat = self._away.back()
        self._here = weakref.ref(flat.untyped_storage())
        return flat.as_strided(size, stride, offset + flat.storage_offset())


class _View:
    """What autograd holds in place of a tensor."""

    def __init__(self, storage: _Storage, layer: _Layer, tensor: Tensor) -> None:
        self._storage, self._layer = storage, layer
        self._how: tuple[torch.dtype, torch.Size, tuple[int, ...], int] = (
            tensor.dtype, tensor.shape, tensor.stride(), int(tensor.storage_offset()),
        )  # fmt: skip

    def tensor(self) -> Tensor:
        self._layer.begin_backward()
        return self._storage.view(*self._how)


def brought(kept: Any) -> Any:
    """The tensor of which this was kept, or what was kept as it is."""
    return kept.tensor() if isinstance(kept, _View) else kept


def _may_leave(tensor: Tensor) -> bool:
    """Whether it is a plain tensor of numbers that something is gained by."""
    is_plain = not is_traceable_wrapper_subclass(tensor) and tensor.layout == torch.strided
    return is_plain and not isinstance(tensor, nn.Parameter) and tensor.untyped_storage().nbytes() >= SMALLEST_BYTES


def _storages(tensor: Tensor) -> Iterator[int]:
    """Those of a weight on this rank: by what they lie at."""
    parts = tensor.parts.values() if isinstance(tensor, Quantized) else [local(tensor)]
    for part in parts:
        yield part.untyped_storage()._cdata
