"""What the cgroup of this process allows, uses and waits for: versions 1 and 2.

Formats: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/{memory,cpuacct}.rst of the kernel.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from whet.track.recorded.kernel_figures import pressure

# Version 1 writes "no limit" as the largest multiple of a page.
_UNLIMITED = 1 << 60


def cgroup_levels(proc: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> dict[str, float]:
    """Memory in use and allowed in bytes, processors allowed, seconds that it was held back, and its pressure."""
    found: dict[str, float] = {}
    for controllers, path in _places(proc):
        if controllers is None:
            found |= _unified(_folder(mount, path))
            continue
        if "memory" in controllers:
            found |= _memory_v1(_folder(mount / "memory", path))
        if "cpu" in controllers:
            found |= _cpu_v1(_folder(mount / "cpu", path))
    return found


def _unified(folder: Path) -> dict[str, float]:
    """Version 2: everything in one folder."""
    found = {
        "cgroup/memory_bytes": _number(folder / "memory.current"),
        "cgroup/memory_limit_bytes": _number(folder / "memory.max"),
    }
    quota = _text(folder / "cpu.max").split()
    if len(quota) == 2 and quota[0] != "max":
        found["cgroup/processors"] = int(quota[0]) / int(quota[1])
    throttled = _entry(_text(folder / "cpu.stat"), "throttled_usec")
    found["cgroup/throttled_s"] = None if throttled is None else throttled / 1e6
    found["cgroup/oom_kills"] = _entry(_text(folder / "memory.events"), "oom_kill")
    waits: dict[str, float] = {}
    for name in ("cpu", "memory", "io"):
        waits |= {f"cgroup/{key}": value for key, value in pressure(_text(folder / f"{name}.pressure"), name).items()}
    return {name: value for name, value in found.items() if value is not None} | waits


def _memory_v1(folder: Path) -> dict[str, float]:
    used, limit = _number(folder / "memory.usage_in_bytes"), _number(folder / "memory.limit_in_bytes")
    found = {"cgroup/memory_bytes": used, "cgroup/memory_limit_bytes": limit if limit and limit < _UNLIMITED else None}
    return {name: value for name, value in found.items() if value is not None}


def _cpu_v1(folder: Path) -> dict[str, float]:
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    throttled = _entry(_text(folder / "cpu.stat"), "throttled_time")
    found = {"cgroup/throttled_s": None if throttled is None else throttled / 1e9}
    if quota and period and quota > 0:
        found["cgroup/processors"] = quota / period
    return {name: value for name, value in found.items() if value is not None}


def _places(proc: Path) -> list[tuple[list[str] | None, str]]:
    """Of each line of /proc/self/cgroup the controllers, None for version 2, and the path."""
    found: list[tuple[list[str] | None, str]] = []
    for line in _text(proc).splitlines():
        with suppress(ValueError):
            number, controllers, path = line.split(":", 2)
            found.append((None if number == "0" and not controllers else controllers.split(","), path))
    return found


def _folder(mount: Path, path: str) -> Path:
    """Inside of a container the path is that of the host, and the files lie at the mount itself."""
    folder = mount / path.strip("/")
    return folder if folder.is_dir() and any(folder.glob("*.*")) else mount


def _number(path: Path) -> float | None:
    """The number in a file; None for `max`, and without a file."""
    with suppress(ValueError):
        return float(_text(path))
    return None


def _entry(text: str, name: str) -> float | None:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            with suppress(ValueError):
                return float(value)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
