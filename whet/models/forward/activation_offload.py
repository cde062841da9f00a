"""Activation offload: saved tensors go to host memory when a layer has been computed, and are fetched for its backward.

What autograd saves are views of storages; a storage is offloaded once, however many views of it are saved, and is
fetched as it was, so that the backward pass sees the same numbers in the same places: its results are the same to the
bit. While a layer's backward pass runs, what the layer before it saved is prefetched.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from whet.kernels.host_memory import HostMemory, Offloaded
from whet.kernels.layout import local
from whet.kernels.quantized import Quantized

SMALLEST_BYTES = 4096  # what is smaller stays on the device: statistics of norms, numbers


class ActivationOffload:
    """Offloads what layers save for the backward pass to `memory`. Copies of a module share it."""

    def __init__(self, memory: HostMemory) -> None:
        self.memory = memory
        self._offloaded: weakref.WeakValueDictionary[tuple[Any, ...], _Storage] = weakref.WeakValueDictionary()
        self._last: weakref.ref[_Layer] | None = None
        self._pack: Callable[[Tensor], Any] | None = None

    def __deepcopy__(self, memo: Any) -> ActivationOffload:
        return self

    @contextmanager
    def layer(self, module: nn.Module) -> Iterator[None]:
        """Inside, the forward pass of a layer is computed. Its weights stay where they are."""
        weights = {storage for tensor in (*module.parameters(), *module.buffers()) for storage in _storages(tensor)}
        layer = _Layer(self._last() if self._last is not None else None)
        self._last = weakref.ref(layer)

        def pack(tensor: Tensor) -> Any:
            if not _is_offloadable(tensor) or tensor.untyped_storage()._cdata in weights:
                return tensor.detach()  # a graph that holds its own results would outlive a backward pass that fails
            return _SavedView(self._storage(tensor.detach(), layer), layer, tensor)

        before, self._pack = self._pack, pack
        try:
            with torch.autograd.graph.saved_tensors_hooks(pack, unpacked):
                yield
        finally:
            self._pack = before

    def pack(self, tensor: Tensor) -> Any:
        """Inside a layer: what is saved of a tensor, for `unpacked`."""
        assert self._pack is not None
        return self._pack(tensor)

    def _storage(self, tensor: Tensor, layer: _Layer) -> _Storage:
        """The storage of a tensor, which is offloaded unless it was as it is now."""
        storage = tensor.untyped_storage()
        key = storage._cdata, tensor.dtype, tensor._version
        found = self._offloaded.get(key)
        if found is None:
            whole = tensor.as_strided((storage.nbytes() // tensor.element_size(),), (1,), 0)
            found = self._offloaded[key] = _Storage(self.memory.offload(whole))
            # Another storage may come to lie where this one has.
            weakref.finalize(storage, self._offloaded.pop, key, None).atexit = False
        layer.saved.append(weakref.ref(found))
        return found


class _Layer:
    """What a layer has saved, and the layer before it, as long as their backward passes are to come."""

    def __init__(self, before: _Layer | None) -> None:
        self.saved: list[weakref.ref[_Storage]] = []
        self._before = None if before is None else weakref.ref(before)
        self._has_begun = False

    def begin_backward(self) -> None:
        """Prefetch what this layer has saved, and what the layer has whose backward pass is the next."""
        if self._has_begun:
            return
        self._has_begun = True
        before = None if self._before is None else self._before()
        for one in (*self.saved, *(() if before is None else before.saved)):
            if (storage := one()) is not None:
                storage.prefetch()


class _Storage:
    """An offloaded storage, and the flat tensor (n,) over it while somebody has fetched it."""

    def __init__(self, offloaded: Offloaded) -> None:
        self._offloaded = offloaded
        self._fetched: weakref.ref[torch.UntypedStorage] | None = None

    def prefetch(self) -> None:
        if self._fetched is None or self._fetched() is None:
            self._offloaded.prefetch()

    def view(self, dtype: torch.dtype, size: torch.Size, stride: tuple[int, ...], offset: int) -> Tensor:
        storage = None if self._fetched is None else self._fetched()
        if storage is not None:
            return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, offset, size, stride)
        flat = self._offloaded.fetch()
        self._fetched = weakref.ref(flat.untyped_storage())
        return flat.as_strided(size, stride, offset + flat.storage_offset())


class _SavedView:
    """What autograd holds in place of a tensor."""

    def __init__(self, storage: _Storage, layer: _Layer, tensor: Tensor) -> None:
        self._storage, self._layer = storage, layer
        self._how: tuple[torch.dtype, torch.Size, tuple[int, ...], int] = (
            tensor.dtype, tensor.shape, tensor.stride(), int(tensor.storage_offset()),
        )  # fmt: skip

    def tensor(self) -> Tensor:
        self._layer.begin_backward()
        return self._storage.view(*self._how)


def unpacked(saved: Any) -> Any:
    """The tensor of which this was saved, or what was saved as it is."""
    return saved.tensor() if isinstance(saved, _SavedView) else saved


def _is_offloadable(tensor: Tensor) -> bool:
    """Whether it is a plain tensor of numbers that something is gained by."""
    is_plain = not is_traceable_wrapper_subclass(tensor) and tensor.layout == torch.strided
    return is_plain and not isinstance(tensor, nn.Parameter) and tensor.untyped_storage().nbytes() >= SMALLEST_BYTES


def _storages(tensor: Tensor) -> Iterator[int]:
    """Those of a weight on this rank: by what they lie at."""
    parts = tensor.parts.values() if isinstance(tensor, Quantized) else [local(tensor)]
    for part in parts:
        yield part.untyped_storage()._cdata
