"""Processors, memory, shared memory, limits and clocks of this machine, as its kernel and its cgroup tell them."""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whet.base.units import size
from whet.doctor.check import Check
from whet.track.recorded.cgroups import cgroup_levels
from whet.track.recorded.environment import hardware
from whet.track.recorded.kernel_figures import PROC

GIB = 2**30
# Files that a run with many shards, logs and sockets has open at once.
LEAST_FILES = 4096
# What NCCL and workers of other libraries want of shared memory; containers often have 64 MiB.
LEAST_SHARED_BYTES = GIB
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


@dataclass(frozen=True, slots=True)
class Limits:
    """What this process may use: `processors` by affinity, `quota` of them by its cgroup, memory in bytes."""

    processors: int
    quota: float | None
    memory_bytes: int
    available_bytes: int
    memory_limit_bytes: int | None
    threads: int | None  # that OMP_NUM_THREADS says
    load: float


def limits(proc: Path = PROC) -> Limits:
    """Those of this process now."""
    found, cgroup = hardware(proc), cgroup_levels(proc / "self" / "cgroup")
    limit = cgroup.get("cgroup/memory_limit_bytes")
    said = os.environ.get("OMP_NUM_THREADS", "")
    return Limits(
        int(found.get("usable_processors") or 1), cgroup.get("cgroup/processors"), int(found.get("memory_bytes") or 0),
        _meminfo(proc, "MemAvailable"), None if limit is None else int(limit), int(said) if said.isdigit() else None,
        os.getloadavg()[0],
    )  # fmt: skip


def processors(has: Limits) -> Iterator[Check]:
    """How many there are, how many may be used at once, and whether others use them."""
    figures = {"processors": has.processors, "quota": has.quota, "load": has.load, "threads": has.threads}
    allowed = has.processors if has.quota is None else min(has.processors, has.quota)
    shown = f"{has.processors} usable" + (f", {has.quota:g} at once by the cgroup" if has.quota is not None else "")
    threads = has.threads or has.processors
    if threads > max(1.0, allowed) + 0.5:
        told = f"{shown}; {threads} threads would compete for them and be held back"
        yield Check("processors", told, "slow", f"export OMP_NUM_THREADS={max(1, int(allowed))}", figures)
    elif has.load > 0.5 * allowed + 0.5:
        told = f"{shown}; others keep {has.load:.1f} of them busy, which every step will feel"
        yield Check("processors", told, "slow", "top, to see who it is", figures)
    else:
        yield Check("processors", shown, figures=figures)


def memory(has: Limits, proc: Path = PROC) -> Iterator[Check]:
    """What is free, what the cgroup allows, and whether the machine swaps."""
    free = min(has.available_bytes, has.memory_limit_bytes or has.available_bytes)
    figures = {"bytes": has.memory_bytes, "available": has.available_bytes, "limit": has.memory_limit_bytes}
    shown = f"{size(has.available_bytes)} of {size(has.memory_bytes)} are free"
    if has.memory_limit_bytes is not None and has.memory_limit_bytes < has.memory_bytes:
        shown += f", and the cgroup allows {size(has.memory_limit_bytes)}"
    swapped = _meminfo(proc, "SwapTotal") - _meminfo(proc, "SwapFree")
    if free < 2 * GIB:
        yield Check(
            "memory",
            f"{shown}: a run needs some 2 GiB without its model",
            "bad",
            "free -h; ps aux --sort -rss | head",
            figures,
        )
    elif swapped > 0.1 * has.memory_bytes:
        told = f"{shown}, {size(swapped)} are swapped out: steps will wait for the disk"
        yield Check("memory", told, "slow", "close other programs, then swapoff -a", figures)
    else:
        yield Check("memory", shown, figures=figures)


def shared_memory(folder: Path = Path("/dev/shm")) -> Iterator[Check]:
    """What ranks of one machine hand each other through memory."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        told = f"{folder} is not there: ranks on GPUs of one machine would talk over its network"
        yield Check(
            "shared memory", told, "slow", f"mount -t tmpfs tmpfs {folder}; of a container: docker run --ipc=host"
        )
        return
    figures = {"free": free}
    if free < LEAST_SHARED_BYTES:
        told = f"{size(free)} are free in {folder}: several GPUs and data workers ask for more"
        yield Check(
            "shared memory", told, "slow", "docker run --shm-size=8g, or mount -o remount,size=8G /dev/shm", figures
        )
    else:
        yield Check("shared memory", f"{size(free)} are free in {folder}", figures=figures)


def open_files(soft: int | None = None) -> Iterator[Check]:
    """How many files a process may have open."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if soft is None else soft
    if 0 <= soft < LEAST_FILES:
        told = f"a process may have {soft:,} open: many shards and ranks need more"
        yield Check("open files", told, "slow", "ulimit -n 65536", {"limit": soft})
    else:
        yield Check(
            "open files", f"a process may have {soft:,} open" if soft >= 0 else "no limit", figures={"limit": soft}
        )


def clock(watch_s: float = 0.1) -> Iterator[Check]:
    """Whether time only goes forward, both clocks agree, and somebody sets them."""
    before, moments = _offset(), [time.monotonic()]
    while moments[-1] - moments[0] < watch_s:
        time.sleep(watch_s / 200)
        moments += [time.monotonic() for _ in range(20)]
    skew = _offset() - before
    figures = {"skew_s": skew, "synchronised": is_synchronised()}
    if any(after < earlier for earlier, after in zip(moments, moments[1:], strict=False)):
        hint = "cat /sys/devices/system/clocksource/clocksource0/available_clocksource, and take another than tsc"
        yield Check("clock", "the monotonic clock goes back: times and waits will be wrong", "bad", hint, figures)
    elif abs(skew) > 0.002:
        told = (
            f"the time of day moved by {skew:+.3f} s against the monotonic clock within {watch_s:g} s: it is being set"
        )
        yield Check("clock", told, "slow", "chronyc tracking, or timedatectl", figures)
    elif figures["synchronised"] is False:
        told = "nobody sets it: with several machines, the times of their records will not agree"
        yield Check("clock", told, "slow", "timedatectl set-ntp true", figures)
    else:
        yield Check("clock", "it goes forward, and steadily", figures=figures)


def _offset(tries: int = 20) -> float:
    """Time of day less monotonic time, of the try that was interrupted least."""
    found = []
    for _ in range(tries):
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        found.append((after - before, wall - (before + after) / 2))
    return min(found)[1]


def is_synchronised() -> bool | None:
    """Whether the kernel holds its clock for set by somebody (NTP, PTP); None where it does not tell."""
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))  # asks, and sets nothing
    except (AttributeError, OSError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def network(name: str | None = None, ranks: int = 1) -> Iterator[Check]:
    """Whether this machine's own name has an address, which gloo asks for before one of several ranks is reached."""
    name = socket.gethostname() if name is None else name
    try:
        address = socket.gethostbyname(name)
    except OSError:
        told = f"`{name}`, this machine's own name, has no address: ranks that talk over gloo do not find each other"
        hint = f'echo "127.0.1.1 {name}" | sudo tee -a /etc/hosts, or export GLOO_SOCKET_IFNAME=lo'
        yield Check("network", told, "bad" if ranks > 1 else "slow", hint)
        return
    own = ": with other machines, export GLOO_SOCKET_IFNAME=eth0" if address.startswith("127.") else ""
    yield Check("network", f"`{name}` is {address}{own}", figures={"host": name, "address": address})


def _meminfo(proc: Path, name: str) -> int:
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
