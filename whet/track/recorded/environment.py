"""The environment of a run: command, Python and packages, system, source code, hardware. No secret is in it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from whet.track.recorded.private import command_without_secrets, telling_variables
from whet.track.recorded.source_code import source_code

KIND = "environment"
_PACKAGE = re.compile(r"(.+?)-([^-]+?)(?:-.+)?\.(?:dist|egg)-info")


def environment() -> dict[str, Any]:
    """All but the source code, as JSON, in some 20 ms."""
    return {
        "command": command_without_secrets(sys.orig_argv),
        "folder": os.getcwd(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()}",
        "host": platform.node(),
        "variables": telling_variables(os.environ),
        "hardware": hardware(),
        "packages": packages(sys.path),
    }


def code(logs: Path, script: str | None) -> dict[str, Any]:
    """The state of the source code of a program, asked of git; nothing outside of a repository.

    What was changed since its commit is written to a file in `logs`, named by its digest.
    """
    found = source_code(_folder_of(script))
    return {} if found is None else {"git": {**found.about, "diff": _kept(logs, found.diff)}}


def packages(paths: Iterable[str]) -> dict[str, str]:
    """Name and version of each installed package, by the names of folders alone: of two, the one that is imported."""
    found: dict[str, str] = {}
    for path in paths:
        with suppress(OSError):
            for name in sorted(os.listdir(path or ".")):
                match = _PACKAGE.fullmatch(name)
                if match:
                    found.setdefault(match[1].lower().replace("_", "-"), match[2])
    return dict(sorted(found.items()))


def hardware(proc: Path = Path("/proc")) -> dict[str, Any]:
    """Model and number of processors, memory, and accelerators that a driver tells of."""
    memory = re.search(r"MemTotal:\s+(\d+) kB", _text(proc / "meminfo"))
    found = {
        "cpu": _cpu(proc),
        "processors": os.cpu_count(),
        "usable_processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": int(memory[1]) * 1024 if memory else _memory_bytes(),
        "gpus": [match[1].strip() for match in _gpus(proc)],
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def _cpu(proc: Path) -> str:
    text = _text(proc / "cpuinfo")
    for name in ("model name", "Model", "Hardware", "cpu model"):  # x86, ARM, older ARM, MIPS
        if match := re.search(rf"(?m)^{name}\s*:\s*(.+)$", text):
            return match[1].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None


def _gpus(proc: Path) -> list[re.Match[str]]:
    """NVIDIA's driver tells what there is without being loaded into this process."""
    texts = [_text(path) for path in sorted(proc.glob("driver/nvidia/gpus/*/information"))]
    return [match for text in texts if (match := re.search(r"(?m)^Model:\s*(.+)$", text))]


def _folder_of(script: str | None) -> Path:
    """Where the script lies that runs; the current folder, where it is a program that was installed."""
    folder = Path(script).resolve().parent if script else Path.cwd()
    is_installed = folder == Path(sys.executable).parent or "site-packages" in folder.parts or _is_ours(folder)
    return Path.cwd() if is_installed or not folder.is_dir() else folder


def _is_ours(folder: Path) -> bool:
    return Path(__file__).resolve().is_relative_to(folder)


def _kept(logs: Path, diff: bytes) -> str | None:
    """The name of the file in `logs` that has the change; None where nothing was changed, or it cannot be written."""
    if not diff:
        return None
    name = f"{hashlib.sha256(diff).hexdigest()[:16]}.diff"
    try:
        (logs / name).write_bytes(diff)
    except OSError:
        return None
    return name


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
