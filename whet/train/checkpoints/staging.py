"""Staging: the tensors of a checkpoint as they are now, copied into memory that they can be written from later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from whet.kernels.layout import local


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a checkpoint of `step` holds: `state` is the text of its JSON, and tensors are by name."""

    step: int
    state: str
    tensors: Mapping[str, Tensor]


class Staging:
    """Memory of the host for one copy of this rank's part of each tensor. It is kept from one checkpoint to the next:
    asking the system for it anew takes longer than the copy."""

    def __init__(self) -> None:
        self._held: dict[str, Tensor] = {}

    def copied(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors with their present values. They hold until the next call."""
        before, self._held, found = self._held, {}, {}
        for name, tensor in tensors.items():
            own = local(tensor.detach())
            place = before.get(name)
            if place is None or (place.shape, place.dtype, place.stride()) != (own.shape, own.dtype, own.stride()):
                place = torch.empty_like(own, device="cpu", pin_memory=own.is_cuda)
            place.copy_(own, non_blocking=own.is_cuda)
            self._held[name], found[name] = place, _in_its_place(tensor, place)
        if any(tensor.is_cuda for tensor in tensors.values()):
            torch.cuda.synchronize()
        return found

    @property
    def num_bytes(self) -> int:
        """What is held."""
        return sum(tensor.nbytes for tensor in self._held.values())


def _in_its_place(tensor: Tensor, own: Tensor) -> Tensor:
    """`own` as this rank's part of a tensor that lies as the given one does; `from_local` would move it to a GPU."""
    if not isinstance(tensor, DTensor):
        return own
    return DTensor(own, tensor._spec, requires_grad=False)  # type: ignore[call-arg]
