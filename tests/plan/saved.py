"""What autograd keeps: the hooks of torch as an oracle for plans."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from whet.plan.tracing.live import storages


@dataclass(eq=False)
class _Held:
    """A tensor as the graph holds it: gone with the operation that would have asked for it."""

    tensor: Tensor


@dataclass
class Saved:
    """Tensors that were saved for the backward pass, by the part of the model (`begin`) in which they first were."""

    parts: list[dict[int, int]] = field(default_factory=lambda: [{}])
    _holders: list[tuple[weakref.ref[_Held], int]] = field(default_factory=list)
    _alive: list[Tensor] = field(default_factory=list)  # else their place may be given to another

    def begin(self) -> None:
        self.parts.append({})

    def pack(self, tensor: Tensor) -> _Held:
        held = _Held(tensor)
        self._alive.append(tensor)
        for storage in storages(tensor):
            if not any(storage._cdata in part for part in self.parts):
                self.parts[-1][storage._cdata] = storage.nbytes()
            self._holders.append((weakref.ref(held), storage._cdata))
        return held

    def kept(self) -> list[dict[int, int]]:
        """Bytes of each storage that is still held, by part. An operation whose result went nowhere has let go of what
        it saved, such as what chooses the groups of experts in DeepSeek's routers."""
        alive = {key for held, key in self._holders if held() is not None}
        return [{key: size for key, size in part.items() if key in alive} for part in self.parts]


@contextmanager
def hooked() -> Iterator[Saved]:
    """Inside, what autograd saves is written down."""
    saved = Saved()
    with torch.autograd.graph.saved_tensors_hooks(saved.pack, lambda held: held.tensor):
        yield saved
