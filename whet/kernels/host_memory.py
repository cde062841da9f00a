"""Host memory: where bytes of a device lie that it has no room for, until they are asked for again.

Of a GPU it is pinned memory of the host, and copies run on streams of their own beside what the GPU computes. A CPU's
own memory is the host's: what leaves it lies in a file without a name (under TMPDIR) that is mapped, so that the system
writes it out where memory is short, and it is read where it lies.
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


class Away(Protocol):
    """A tensor that has left its device."""

    def fetch(self) -> None:
        """Begin to bring it back; nothing waits."""
        ...

    def back(self) -> Tensor:
        """The tensor on its device. What is asked of the device from now on sees it whole."""
        ...


class HostMemory(Protocol):
    """`held` bytes lie in it now, at `most` that many have, and `moved` counts all that ever came."""

    held: int
    most: int
    moved: int

    def take(self, tensor: Tensor, into: Tensor | None = None) -> Away:
        """Copy a contiguous tensor of the device away, `into` what `empty` has given. It may be freed then, but is not
        to be written to."""
        ...

    def empty(self, like: Tensor) -> Tensor:
        """A tensor of the same shape and dtype that lies in it."""
        ...

    def over(self, kept: Tensor) -> Away:
        """What `empty` has given, as what has left the device."""
        ...

    def settle(self) -> None:
        """Return when all that has left lies whole in what `empty` has given."""
        ...


class Ledger:
    """How many bytes lie in a memory: those of each tensor, until the last that shares its storage is gone."""

    def __init__(self) -> None:
        self.held = self.most = self.moved = 0

    def note(self, tensor: Tensor, then: Callable[[], Any] = lambda: None) -> Tensor:
        """Count a tensor that has come to lie here; `then` is called when it is gone."""
        size = tensor.nbytes
        self.held += size
        self.moved += size
        self.most = max(self.most, self.held)
        weakref.finalize(tensor.untyped_storage(), self._gone, size, then).atexit = False
        return tensor

    def _gone(self, size: int, then: Callable[[], Any]) -> None:
        self.held -= size
        then()


class MappedFile(Ledger):
    """Of a CPU: pages of a file. What is gone leaves its pages to the next of their size."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (it lives as long as this object)
        weakref.finalize(self, self._file.close)
        self._free: dict[int, list[mmap.mmap]] = defaultdict(list)
        self._end = 0

    def take(self, tensor: Tensor, into: Tensor | None = None) -> Away:
        kept = self.empty(tensor) if into is None else into
        return _Mapped(kept if kept.data_ptr() == tensor.data_ptr() else kept.copy_(tensor))

    def over(self, kept: Tensor) -> Away:
        return _Mapped(kept)

    def settle(self) -> None:
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
            f"what leaves memory lies in {tempfile.gettempdir()}, which takes no {size} bytes more: {error.strerror}",
            at="train.offload", hint="export TMPDIR=/var/tmp",
        ) from error  # fmt: skip


class _Mapped:
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def fetch(self) -> None:
        """It is read where it lies."""

    def back(self) -> Tensor:
        return self._tensor


class PinnedMemory(Ledger):
    """Of a GPU: pinned memory of its host, one stream that copies there and one back."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.leaving, self.coming = torch.cuda.Stream(device), torch.cuda.Stream(device)
        self._under_way: deque[tuple[torch.cuda.Event, int]] = deque()
        self._ahead = 0

    def take(self, tensor: Tensor, into: Tensor | None = None) -> Away:
        kept, now = self.empty(tensor) if into is None else into, torch.cuda.current_stream(self.device)
        self.leaving.wait_stream(now)
        with torch.cuda.stream(self.leaving):
            kept.copy_(tensor, non_blocking=True)
        tensor.record_stream(self.leaving)
        done = self.leaving.record_event()
        self._under_way.append((done, tensor.nbytes))
        self._ahead += tensor.nbytes
        while self._ahead > AHEAD_BYTES:
            first, size = self._under_way.popleft()
            now.wait_event(first)
            self._ahead -= size
        return _Pinned(self, kept, done)

    def empty(self, like: Tensor) -> Tensor:
        return self.note(torch.empty(like.shape, dtype=like.dtype, pin_memory=True))

    def over(self, kept: Tensor) -> Away:
        return _Pinned(self, kept, self.leaving.record_event())

    def settle(self) -> None:
        self.leaving.synchronize()
        self._under_way.clear()
        self._ahead = 0


class _Pinned:
    def __init__(self, memory: PinnedMemory, kept: Tensor, done: torch.cuda.Event) -> None:
        self._memory, self._kept, self._done = memory, kept, done
        self._found: Tensor | None = None
        self._is_here: torch.cuda.Event | None = None

    def fetch(self) -> None:
        if self._found is not None:
            return
        coming = self._memory.coming
        coming.wait_event(self._done)
        with torch.cuda.stream(coming):
            self._found = self._kept.to(self._memory.device, non_blocking=True)
        self._is_here = coming.record_event()

    def back(self) -> Tensor:
        self.fetch()
        assert self._found is not None and self._is_here is not None
        now, found = torch.cuda.current_stream(self._memory.device), self._found
        now.wait_event(self._is_here)
        found.record_stream(now)
        self._found = None  # whoever has asked holds it
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
            f"nothing leaves the memory of `{device.type}` devices: it is known of {', '.join(KINDS)} alone",
            at="train.offload", hint="train.offload.activations=false train.offload.optimizer=0",
        )  # fmt: skip
    return made(device)
