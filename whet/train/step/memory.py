"""Memory of the process or the GPU, measured, and the largest micro-batch that fits."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from whet.base.memory import give_back
from whet.plan.job import CPU_TOKENS

SHARE = {"cpu": 0.5, "cuda": 0.9}


def peak_bytes(device: torch.device) -> int:
    """The most memory used so far: reserved by the GPU's allocator, or resident in the process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def begin_peak(device: torch.device) -> bool:
    """Let `peak_since` count from here, by what the GPU's allocator has given or what is resident in the process;
    whether it does: a system may have no such mark."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return True
    give_back()  # a heap that was freed is resident too, and a step would take of it unseen
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
        return _resident("VmHWM") > 0
    return False


def peak_since(device: torch.device) -> int:
    """The most memory in use since then."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _resident("VmHWM")


def used_bytes(device: torch.device) -> int:
    """What is in use now: allocated on the GPU, or resident in the process."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else _resident("VmRSS")


def unused_bytes(device: torch.device) -> int:
    """Since `begin_peak`, the most that a GPU's allocator held beyond the most that was in use."""
    if device.type != "cuda":
        return 0
    return max(0, torch.cuda.max_memory_reserved(device) - torch.cuda.max_memory_allocated(device))


def free_bytes(device: torch.device, ranks_here: int) -> int:
    """What this rank may still take."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    return int(found[1]) * 1024 // ranks_here if found else 1 << 32


def largest_micro_batch(
    measure: Callable[[int], None], device: torch.device, limit: int, longest: int, ranks_here: int = 1
) -> int:
    """The most units (tokens or samples) at once, at most `limit`, at least `longest`, that the memory holds.

    `measure(n)` runs forward and backward over n units. Two sizes give bytes a unit; the line through them,
    and the share of free memory that may be used, give the answer.
    """
    limit = max(longest, min(limit, CPU_TOKENS) if device.type == "cpu" else limit)
    small, large = max(64, longest // 4), max(128, longest // 2)
    if limit <= large:
        return limit
    rise_small, rise_large = _rise(measure, small, device), _rise(measure, large, device)
    per_unit = max(1.0, (rise_large - rise_small) / (large - small))
    budget = SHARE[device.type] * free_bytes(device, ranks_here) - max(0.0, rise_small - per_unit * small)
    return max(longest, min(limit, int(budget / per_unit)))


def _rise(measure: Callable[[int], None], units: int, device: torch.device) -> int:
    """Bytes that `measure(units)` needs at its peak, above what was in use."""
    measure(units)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        measure(units)
        return torch.cuda.max_memory_allocated(device) - before
    Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark
    before = _resident("VmRSS")
    measure(units)
    return max(0, _resident("VmHWM") - before)


def _resident(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024 if found else 0
