"""Start the process that runs a model's code, wait no longer than allowed, and read what it reports."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("program.py")
MIB = 2**20
MAX_REPORT = 4 * MIB
_LOOK_S = 0.2  # between looks at how much it has written


@dataclass(frozen=True, slots=True)
class Limits:
    """What foreign code may take."""

    timeout_s: float = 10.0
    memory_mb: int = 512
    file_mb: int = 8


@dataclass(frozen=True, slots=True)
class Report:
    """What became of each test: None where it passed, else why not. `held` names the protections that were in force."""

    tests: tuple[str | None, ...]
    held: tuple[str, ...]


def run(job: Mapping[str, Any], num_tests: int, limits: Limits = Limits()) -> Report:
    """Run a job of `code`, `setup` and `tests` or `cases` in a process of its own, in an empty folder.

    The process gets no environment but a path, no descriptors, and no network, and cannot write elsewhere. Tests that
    have not been reported when time is up, or when it dies, have failed.
    """
    word = secrets.token_hex(16)
    inside = {"memory_bytes": limits.memory_mb * MIB, "cpu_s": limits.timeout_s, "file_bytes": limits.file_mb * MIB}
    payload = json.dumps({**job, "word": word, "limits": inside}).encode()
    with tempfile.TemporaryDirectory(prefix="whet-code-", ignore_cleanup_errors=True) as folder:
        reads, writes = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", str(PROGRAM), folder, str(writes)],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
            env={"PATH": os.defpath, "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"},
            pass_fds=(writes,), start_new_session=True,
        )  # fmt: skip
        os.close(writes)
        told: list[bytes] = []
        reader = threading.Thread(target=_read, args=(reads, told), daemon=True)
        reader.start()
        try:
            _write(process, payload)
            stopped = _await(process, folder, limits)
        finally:
            _kill(process)
        reader.join(5.0)
    return _report(b"".join(told), word, num_tests, stopped or _ending(process.returncode, limits))


@cache
def protections() -> tuple[str, ...]:
    """What this machine can do against foreign code: some of `limits`, `no-writes`, `no-network`."""
    return run({"code": "", "setup": "", "tests": []}, 0).held


def _write(process: subprocess.Popen[bytes], payload: bytes) -> None:
    with suppress(BrokenPipeError):
        assert process.stdin is not None
        process.stdin.write(payload)
        process.stdin.close()


def _read(descriptor: int, told: list[bytes]) -> None:
    size = 0
    with os.fdopen(descriptor, "rb") as stream:
        while size < MAX_REPORT and (block := stream.read1(65_536)):  # type: ignore[attr-defined]
            told.append(block)
            size += len(block)


def _await(process: subprocess.Popen[bytes], folder: str, limits: Limits) -> str | None:
    """Wait for the end. Why it has to be ended, where its time or its files are too many."""
    until = time.monotonic() + limits.timeout_s + 1.0  # Python's start is not the code's
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(_LOOK_S, max(until - time.monotonic(), 0.0)))
            return None
        if time.monotonic() >= until:
            return f"it ran longer than {limits.timeout_s:g} s"
        if _size(folder) > limits.file_mb * MIB:
            return f"its files took more than {limits.file_mb} MiB"


def _size(folder: str) -> int:
    """Bytes of all files below."""
    num_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone since it was listed
                num_bytes += os.lstat(os.path.join(parent, name)).st_blocks * 512
    return num_bytes


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and what it may have started (nothing, where processes are refused)."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(code: int, limits: Limits) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"it ran longer than {limits.timeout_s:g} s, or was killed"
    return "it ended before this test" if code == 0 else f"its process ended with {code}"


def _report(told: bytes, word: str, num_tests: int, otherwise: str) -> Report:
    tests: list[str | None] = [otherwise] * num_tests
    held: tuple[str, ...] = ()
    for line in told.decode("utf-8", "replace").splitlines():
        try:
            facts = json.loads(line)
        except ValueError:
            continue
        if not isinstance(facts, dict) or facts.get("word") != word:
            continue
        if "held" in facts:
            held = tuple(facts["held"])
        elif "error" in facts:
            tests = [facts["error"]] * num_tests
        elif facts.get("test") in range(num_tests):
            tests[facts["test"]] = facts["failed"]
    return Report(tuple(tests), held)
