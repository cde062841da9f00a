"""Host memory: where tensors that a device has no room for are offloaded, until they are fetched.

Of a GPU it is pinned memory of the host, and copies run on streams of their own beside what the GPU computes. A CPU's
own memory is the host's: what is offloaded lies in a file without a name (under TMPDIR) that is mapped, so that the
system writes it out where memory is short, and it is read where it lies.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from torch import Tensor

from whet.base.errors import RunError

# Copies from a GPU that may be under way before its own work waits for the first: what they read is free only then.
AHEAD_BYTES = 512 * 2**20


class Offloaded(Protocol):
    """A tensor that was offloaded from its device."""

    def prefetch(self) -> None:
        """Begin to fetch it; nothing waits."""
        ...

    def fetch(self) -> Tensor:
        """The tensor on its device. What is asked of the device from now on sees it whole."""
        ...


class HostMemory(Protocol):
    """`held_bytes` lie in it now, `peak_bytes` at most have, and `moved_bytes` counts all that ever came."""

    held_bytes: int
    peak_bytes: int
    moved_bytes: int

    def offload(self, tensor: Tensor, into: Tensor | None = None) -> Offloaded:
        """Copy a contiguous tensor of the device here, `into` what `empty` has given. It may be freed then, but is not
        to be written to."""
        ...

    def empty(self, like: Tensor) -> Tensor:
        """A tensor of the same shape and dtype that lies in it."""
        ...

    def offloaded(self, tensor: Tensor) -> Offloaded:
        """What `empty` has given, as a tensor that was offloaded."""
        ...

    def synchronize(self) -> None:
        """Return when all that was offloaded lies whole in what `empty` has given."""
        ...


class ByteCount:
    """How many bytes lie in a memory: those of each tensor, until the last that shares its storage is gone."""

    def __init__(self) -> None:
        self.held_bytes = self.peak_bytes = self.moved_bytes = 0

    def note(self, tensor: Tensor, then: Callable[[], Any] = lambda: None) -> Tensor:
        """Count a tensor that has come to lie here; `then` is called when it is gone."""
        size = tensor.nbytes
        self.held_bytes += size
        self.moved_bytes += size
        self.peak_bytes = max(self.peak_bytes, self.held_bytes)
        weakref.finalize(tensor.untyped_storage(), self._gone, size, then).atexit = False
        return tensor

    def _gone(self, size: int, then: Callable[[], Any]) -> None:
        self.held_bytes -= size
        then()


class MappedFile(ByteCount):
    """Of a CPU: pages of a file. What is gone leaves its pages to the next of their size."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as this object)
        weakref.finalize(self, self._file.close)
        self._free: dict[int, list[mmap.mmap]] = defaultdict(list)
        self._end = 0

    def offload(self, tensor: Tensor, into: Tensor | None = None) -> Offloaded:
        copy = self.empty(tensor) if into is None else into
        return _Mapped(copy if copy.data_ptr() == tensor.data_ptr() else copy.copy_(tensor))

    def offloaded(self, tensor: Tensor) -> Offloaded:
        return _Mapped(tensor)

    def synchronize(self) -> None:
        """Nothing is under way."""

    def empty(self, like: Tensor) -> Tensor:
        size = -(-max(like.nbytes, 1) // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        free = self._free[size]
        pages = free.pop() if free else self._grown(size)
        bare = torch.frombuffer(pages, dtype=torch.uint8, count=max(like.nbytes, 1))
        tensor = bare[: like.nbytes].view(like.dtype).view(like.shape)
        return self.note(tensor, lambda: free.append(pages))

    def _grown(self, size: int) -> mmap.mmap:
        start = self._end
        _reserve(self._file.fileno(), start, size)
        self._end += size
        return mmap.mmap(self._file.fileno(), size, offset=start)


def _reserve(file: int, start: int, size: int) -> None:
    """Make room in a file. A page that is written and finds none would end the process by a signal."""
    try:
        if sys.platform == "linux":
            os.posix_fallocate(file, start, size)
        else:
            os.ftruncate(file, start + size)
    except OSError as error:
        raise RunError(
            f"what is offloaded lies in {tempfile.gettempdir()}, which takes no {size} bytes more: {error.strerror}",
            at="train.offload", hint="export TMPDIR=/var/tmp",
        ) from error  # fmt: skip


class _Mapped:
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def prefetch(self) -> None:
        """It is read where it lies."""

    def fetch(self) -> Tensor:
        return self._tensor


class PinnedMemory(ByteCount):
    """Of a GPU: pinned memory of its host, one stream that copies there and one back."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.to_host, self.to_device = torch.cuda.Stream(device), torch.cuda.Stream(device)
        self._under_way: deque[tuple[torch.cuda.Event, int]] = deque()
        self._ahead = 0

    def offload(self, tensor: Tensor, into: Tensor | None = None) -> Offloaded:
        copy, now = self.empty(tensor) if into is None else into, torch.cuda.current_stream(self.device)
        self.to_host.wait_stream(now)
        with torch.cuda.stream(self.to_host):
            copy.copy_(tensor, non_blocking=True)
        tensor.record_stream(self.to_host)
        done = self.to_host.record_event()
        self._under_way.append((done, tensor.nbytes))
        self._ahead += tensor.nbytes
        while self._ahead > AHEAD_BYTES:
            first, size = self._under_way.popleft()
            now.wait_event(first)
            self._ahead -= size
        return _Pinned(self, copy, done)

    def empty(self, like: Tensor) -> Tensor:
        return self.note(torch.empty(like.shape, dtype=like.dtype, pin_memory=True))

    def offloaded(self, tensor: Tensor) -> Offloaded:
        return _Pinned(self, tensor, self.to_host.record_event())

    def synchronize(self) -> None:
        self.to_host.synchronize()
        self._under_way.clear()
        self._ahead = 0


class _Pinned:
    def __init__(self, memory: PinnedMemory, copy: Tensor, done: torch.cuda.Event) -> None:
        self._memory, self._copy, self._done = memory, copy, done
        self._fetched: Tensor | None = None
        self._arrived: torch.cuda.Event | None = None

    def prefetch(self) -> None:
        if self._fetched is not None:
            return
        to_device = self._memory.to_device
        to_device.wait_event(self._done)
        with torch.cuda.stream(to_device):
            self._fetched = self._copy.to(self._memory.device, non_blocking=True)
        self._arrived = to_device.record_event()

    def fetch(self) -> Tensor:
        self.prefetch()
        assert self._fetched is not None and self._arrived is not None
        now, found = torch.cuda.current_stream(self._memory.device), self._fetched
        now.wait_event(self._arrived)
        found.record_stream(now)
        self._fetched = None  # whoever has asked holds it
        return found


Made = Callable[[torch.device], HostMemory]

# By the type of a device.
KINDS: dict[str, Made] = {"cpu": MappedFile, "cuda": PinnedMemory}
_INSTEAD: ContextVar[Made | None] = ContextVar("whet_host_memory", default=None)


@contextmanager
def memory_made_by(made: Made) -> Iterator[None]:
    """Inside, and in this thread alone, memory beside a device is what `made` gives: that of plans only counts."""
    token = _INSTEAD.set(made)
    try:
        yield
    finally:
        _INSTEAD.reset(token)


def host_memory(device: torch.device) -> HostMemory:
    """Memory beside that of a device. Raises RunError for a kind of device that no memory is known beside."""
    made = _INSTEAD.get() or KINDS.get(device.type)
    if made is None:
        raise RunError(
            f"nothing is offloaded from `{device.type}` devices: it is known of {', '.join(KINDS)} alone",
            at="train.offload", hint="train.offload.activations=false train.offload.optimizer=0",
        )  # fmt: skip
    return made(device)
