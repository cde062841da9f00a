"""What Linux tells of the machine and of a process with its children, from /proc: counters now, rates between two.

Formats: proc(5), Documentation/filesystems/proc.rst, Documentation/accounting/psi.rst. Where there is no /proc (macOS,
Windows) nothing is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROC = Path("/proc")
_SECTOR_BYTES = 512
# Whole disks, whatever their partitions: those would be counted twice.
_DISK = re.compile(r"(?:sd[a-z]+|hd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)")
_MOST_PROCESSES = 500


@dataclass(frozen=True, slots=True)
class Counters:
    """What only grows: processor seconds of the machine (`busy_s`, `total_s`) and of the process tree, bytes moved."""

    busy_s: float = 0.0
    total_s: float = 0.0
    process_s: float = 0.0
    read_bytes: int = 0
    written_bytes: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the kernel's figures: counters, and `levels` by name as they are now."""

    counters: Counters
    levels: Mapping[str, float] = field(default_factory=dict)


def look(pid: int, proc: Path = PROC) -> Look:
    """Of the machine, and of process `pid` with all below it. What cannot be read is 0, or not among the levels."""
    busy_s, total_s = processor_seconds(_text(proc / "stat"))
    tree = process_tree(pid, proc)
    read, written = disk_bytes(_text(proc / "diskstats"))
    received, sent = network_bytes(_text(proc / "net/dev"))
    levels = memory_levels(_text(proc / "meminfo"))
    if tree:
        levels["memory/process_bytes"] = float(sum(resident_bytes(_text(proc / str(one) / "statm")) for one in tree))
        levels["processes"] = float(len(tree))
    for name in ("cpu", "memory", "io"):
        levels |= pressure(_text(proc / "pressure" / name), name)
    process_s = sum(process_seconds(_text(proc / str(one) / "stat")) for one in tree)
    return Look(Counters(busy_s, total_s, process_s, read, written, received, sent), levels)


def rates(before: Counters, now: Counters, seconds: float) -> dict[str, float]:
    """What happened between two looks: shares of processor time in percent of one processor, bytes a second."""
    if seconds <= 0:
        return {}
    found = {
        "disk/read_bytes_per_s": (now.read_bytes - before.read_bytes) / seconds,
        "disk/written_bytes_per_s": (now.written_bytes - before.written_bytes) / seconds,
        "network/received_bytes_per_s": (now.received_bytes - before.received_bytes) / seconds,
        "network/sent_bytes_per_s": (now.sent_bytes - before.sent_bytes) / seconds,
        "cpu/process_percent": 100 * (now.process_s - before.process_s) / seconds,
    }
    if now.total_s > before.total_s:
        found["cpu/percent"] = 100 * (now.busy_s - before.busy_s) / (now.total_s - before.total_s)
    return {name: max(0.0, value) for name, value in found.items()}  # a child that ended takes its time along


def processor_seconds(stat: str) -> tuple[float, float]:
    """Busy and all seconds of all processors, from /proc/stat. Waiting for a disk is not busy."""
    match = re.search(r"(?m)^cpu\s+(.+)$", stat)
    if match is None:
        return 0.0, 0.0
    ticks = [int(word) for word in match[1].split()[:8]]  # guest time, which follows, is part of user time
    total = sum(ticks)
    idle = sum(ticks[3:5])
    return (total - idle) / _ticks_a_second(), total / _ticks_a_second()


def process_tree(pid: int, proc: Path = PROC) -> list[int]:
    """A process and all below it."""
    found, left = list[int](), [pid]
    while left and len(found) < _MOST_PROCESSES:
        one = left.pop()
        if (proc / str(one)).is_dir():
            found.append(one)
            left += _children(proc / str(one) / "task")
    return found


def _children(tasks: Path) -> list[int]:
    """Of all threads of a process, which may end while this looks."""
    try:
        return [int(word) for path in list(tasks.iterdir()) for word in _text(path / "children").split()]
    except OSError:
        return []


def process_seconds(stat: str) -> float:
    """Processor time of a process, and of its children that have ended, from /proc/PID/stat.

    Its name, in parentheses, may hold anything.
    """
    words = stat.rpartition(")")[2].split()
    return sum(int(word) for word in words[11:15]) / _ticks_a_second() if len(words) > 14 else 0.0


def resident_bytes(statm: str) -> int:
    """Memory of a process that is in use, from /proc/PID/statm."""
    words = statm.split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") if len(words) > 1 else 0


def memory_levels(meminfo: str) -> dict[str, float]:
    """Bytes used (what is not available to new programs) and swapped out, and the share used in percent."""
    sizes = {match[1]: int(match[2]) * 1024 for match in re.finditer(r"(?m)^(\w+):\s+(\d+) kB$", meminfo)}
    if "MemTotal" not in sizes or "MemAvailable" not in sizes:
        return {}
    used = sizes["MemTotal"] - sizes["MemAvailable"]
    found = {"memory/used_bytes": float(used), "memory/percent": 100 * used / sizes["MemTotal"]}
    if sizes.get("SwapTotal"):
        found["memory/swap_bytes"] = float(sizes["SwapTotal"] - sizes.get("SwapFree", 0))
    return found


def disk_bytes(diskstats: str) -> tuple[int, int]:
    """Bytes read from and written to all disks, from /proc/diskstats."""
    read = written = 0
    for line in diskstats.splitlines():
        words = line.split()
        if len(words) > 9 and _DISK.fullmatch(words[2]):
            read, written = read + int(words[5]), written + int(words[9])
    return read * _SECTOR_BYTES, written * _SECTOR_BYTES


def network_bytes(dev: str) -> tuple[int, int]:
    """Bytes received and sent by all interfaces but the loop to oneself, from /proc/net/dev."""
    received = sent = 0
    for line in dev.splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        if colon and name.strip() != "lo" and len(words) >= 9:
            received, sent = received + int(words[0]), sent + int(words[8])
    return received, sent


def pressure(text: str, what: str) -> dict[str, float]:
    """Shares of the last 10 seconds in percent in which `some`, or all (`full`), tasks waited for something (PSI)."""
    found = re.finditer(r"(?m)^(some|full) avg10=([\d.]+)", text)
    return {f"pressure/{what}_{match[1]}_percent": float(match[2]) for match in found}


def _ticks_a_second() -> float:
    return float(os.sysconf("SC_CLK_TCK"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
