"""Where gradients are offloaded, out of the memory that training fills, until all of a step are whole."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor


class GradientStore(Protocol):
    """Holds one tensor of each parameter, of its shape and dtype."""

    def offload(self, parameter: Tensor, gradient: Tensor) -> None: ...

    def fetch(self, parameters: Sequence[Tensor]) -> Iterator[Tensor]:
        """What was offloaded last of each, in turn, on its device. It is there until the next is asked for."""
        ...


class PinnedGradients:
    """Those of a GPU, in pinned memory of the host: copies run beside the backward pass, in the order of its stream."""

    def __init__(self) -> None:
        self._gradients: dict[Tensor, Tensor] = {}

    def offload(self, parameter: Tensor, gradient: Tensor) -> None:
        if parameter not in self._gradients:
            self._gradients[parameter] = torch.empty(gradient.shape, dtype=gradient.dtype, pin_memory=True)
        self._gradients[parameter].copy_(gradient, non_blocking=True)

    def fetch(self, parameters: Sequence[Tensor]) -> Iterator[Tensor]:
        for parameter in parameters:
            yield self._gradients[parameter].to(parameter.device, non_blocking=True)


class FileGradients:
    """Those of a CPU, in a file without a name (under TMPDIR): the system writes it out when memory is short.

    They come back into one stretch of memory in turn. Taken anew for each, with state that is first made in between, it
    stays with the process: glibc (2.36) finds no aligned block of a size in a gap that one of that size has left.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as this object)
        self._places: dict[Tensor, int] = {}
        self._end = 0
        weakref.finalize(self, self._file.close)

    def offload(self, parameter: Tensor, gradient: Tensor) -> None:
        if parameter not in self._places:
            self._places[parameter] = self._end
            self._end += gradient.nbytes
        self._file.seek(self._places[parameter])
        self._file.write(_bytes(gradient.contiguous()))

    def fetch(self, parameters: Sequence[Tensor]) -> Iterator[Tensor]:
        memory = torch.empty(max((p.nbytes for p in parameters), default=0), dtype=torch.uint8)
        for parameter in parameters:
            gradient = memory[: parameter.nbytes].view(parameter.dtype).view(parameter.shape)
            self._file.seek(self._places[parameter])
            self._file.readinto(_bytes(gradient))
            yield gradient


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.detach().view(-1).view(torch.uint8).numpy().data


def gradient_store(device: torch.device) -> Callable[[], GradientStore]:
    """What holds gradients of this kind of device."""
    return PinnedGradients if device.type == "cuda" else FileGradients
