from __future__ import annotations

import platform
import resource

import pytest
import torch

from tests.ranks import Child
from whet.train.allocator import keep_freed_memory


def faults_of_a_step(keep: bool) -> int:
    if keep:
        assert keep_freed_memory()
    for _ in range(2):
        [torch.ones(4_000_000) for _ in range(4)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        [torch.ones(4_000_000) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_large_blocks_are_reused_without_page_faults():
    returned, kept = Child(lambda: faults_of_a_step(False)).wait(), Child(lambda: faults_of_a_step(True)).wait()
    assert kept < returned / 10
