"""A process with a group of its own, which ends with the one that started it, however that one ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Any

# Ends a process group as soon as whoever started it is gone: its pipe closes then, whatever killed it.
_GUARD = 'read -r _; kill -KILL "-$1"'  # dash knows no `--` here


class GuardedProcess:
    """One process and those that it starts. Ctrl-C in a terminal reaches the one that started it alone."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str], stderr: int = subprocess.STDOUT) -> None:
        """Start it. What it prints is read from `stdout`, and with `stderr=subprocess.PIPE` its errors from `stderr`.
        Raises OSError where it cannot be."""
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, env=dict(environment),
            start_new_session=True,
        )  # fmt: skip
        self._guard: subprocess.Popen[bytes] = subprocess.Popen(
            ["sh", "-c", _GUARD, "sh", str(self._process.pid)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    @property
    def stdout(self) -> IO[bytes]:
        return _piped(self._process.stdout)

    @property
    def stderr(self) -> IO[bytes]:
        return _piped(self._process.stderr)

    def poll(self) -> int | None:
        """Its exit code once it has ended, negative for a signal."""
        return self._process.poll()

    def wait(self) -> int:
        """Its exit code, when it has ended."""
        return self._process.wait()

    def end(self, grace_s: float) -> None:
        """End it: asked first, and after so long killed, with all that it started; at once after 0 s. Safe to call
        again."""
        if grace_s > 0:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=grace_s)
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._guard.kill()
        self._guard.wait()
        _piped(self._guard.stdin).close()

    def _signal(self, number: int) -> None:
        # The group outlives its first process where that leaves workers behind.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _piped(stream: Any) -> IO[bytes]:
    assert stream is not None
    found: IO[bytes] = stream
    return found
