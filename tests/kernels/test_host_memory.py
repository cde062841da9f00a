"""Memory beside a device's: what comes back is what left, and what is gone is counted so and makes room."""

from __future__ import annotations

import errno
import os
import sys

import pytest
import torch

from whet.base.errors import RunError
from whet.kernels.host_memory import MappedFile, PinnedMemory, host_memory

CPU = torch.device("cpu")


def test_a_cpu_s_memory_leaves_for_a_file_and_is_read_where_it_lies():
    memory, numbers = host_memory(CPU), torch.randn(100, 7, dtype=torch.bfloat16)
    assert isinstance(memory, MappedFile)
    offloaded = memory.offload(numbers)
    assert torch.equal(offloaded.fetch(), numbers) and offloaded.fetch().data_ptr() != numbers.data_ptr()
    assert (memory.held_bytes, memory.moved_bytes) == (1400, 1400)
    part = offloaded.fetch()[3:5]
    del offloaded
    assert memory.held_bytes == 1400 and torch.equal(part, numbers[3:5])  # somebody still reads it
    del part
    assert (memory.held_bytes, memory.peak_bytes) == (0, 1400)
    again = memory.empty(torch.empty(1000))
    assert memory._end == 4096, "pages that are free are taken first"
    assert memory.offloaded(again).fetch() is again


@pytest.mark.parametrize("size", [(), (0,), (3, 0, 2)])
def test_what_has_hardly_any_size_leaves_too(size):
    memory, numbers = host_memory(CPU), torch.ones(size)
    assert torch.equal(memory.offload(numbers).fetch(), numbers)


def test_a_device_that_nothing_leaves_is_refused():
    with pytest.raises(RunError, match="is offloaded from `meta` devices") as told:
        host_memory(torch.device("meta"))
    assert "train.offload.activations=false" in told.value.hint


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_s_memory_leaves_for_the_host_s_beside_what_it_computes():
    device = torch.device("cuda", 0)
    memory = host_memory(device)
    assert isinstance(memory, PinnedMemory)
    numbers = [torch.randn(1 << 20, device=device) for _ in range(8)]
    expected = [one.cpu() for one in numbers]
    offloaded = []
    while numbers:
        offloaded.append(memory.offload(numbers.pop(0)))
        torch.full((1 << 20,), 7.0, device=device)  # takes the place of what has left, when it may
    assert memory.held_bytes == 8 << 22
    for one in offloaded:
        one.prefetch()
    assert all(torch.equal(one.fetch().cpu(), value) for one, value in zip(offloaded, expected, strict=True))
    kept = memory.empty(expected[0])
    memory.offload(expected[1].to(device), kept)
    memory.synchronize()
    assert kept.is_pinned() and torch.equal(kept, expected[1])


@pytest.mark.skipif(sys.platform != "linux", reason="room is made beforehand on Linux alone")
def test_a_full_disk_is_refused_before_a_page_without_room_is_written(monkeypatch):
    """Else the write would end the process by SIGBUS."""
    memory = MappedFile(CPU)
    lain = memory.offload(torch.ones(5)).fetch()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RunError, match="takes no .* bytes more: No space left") as told:
        memory.offload(torch.ones(10_000))
    assert "TMPDIR=" in told.value.hint
    monkeypatch.undo()
    assert torch.equal(memory.offload(torch.ones(10_000)).fetch(), torch.ones(10_000)) and torch.equal(
        lain, torch.ones(5)
    )
