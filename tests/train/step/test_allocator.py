from __future__ import annotations

import platform
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.nursery import Child
from whet.train.step.allocator import return_freed_memory

# In fresh interpreters: the setting holds for a whole process, and other tests may have made it in this one.
BLOCKS = """
import resource, sys
from whet.train.step.allocator import keep_freed_memory

def fill():
    for _ in range(5):
        [bytearray(16_000_000) for _ in range(4)]

if sys.argv[1] == "keep":
    assert keep_freed_memory()
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", BLOCKS, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_large_blocks_are_reused_without_page_faults():
    assert page_faults("keep") < page_faults("return") / 10


def held_mib(allocate) -> float:
    """How much the process grows while large tensors come and go, and others that stay are made in between."""
    allocate()
    before, stays = resident_mib(), []
    for _ in range(10):
        comes = torch.ones(2 << 20)
        stays.append(torch.ones(2 << 20))
        del comes
    return resident_mib() - before


def resident_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_returned_memory_leaves_only_what_stays():
    assert Child(partial(held_mib, return_freed_memory)).wait() < 1.5 * 80
