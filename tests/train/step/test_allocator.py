from __future__ import annotations

import platform
import subprocess
import sys

import pytest

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
