"""How a process that wrote a run has ended, told by whoever launched it: a signal, memory that ran out, an exit code.

A launcher gives its child the variable WHET_LAUNCHER, the path of a file. Every log that the child, or a process below
it, opens adds a line to that file; when the child is gone, the launcher writes the cause into each run that was left
without an end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from whet.track.logs import frames
from whet.track.logs.announced import VARIABLE, opened

LAUNCHER = "launcher"
KIND = "exit"


def launch(command: Sequence[str], **how: object) -> int:
    """Run a command to its end, and tell the runs that it left without one why. Returns its code as `subprocess` does.

    Raises OSError where it cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="whet-launcher-") as folder:
        notes = Path(folder, "logs")
        before = oom_kills()
        done = subprocess.run(command, env={**os.environ, VARIABLE: str(notes)}, **how)  # type: ignore[call-overload]
        cause = cause_of(done.returncode, (oom_kills() or 0) - (before or 0))
        for log in opened(notes):
            tell(log, cause)
    return done.returncode


def tell(log: Path, cause: str) -> None:
    """Write the cause into the run whose log was left without an end; one that has an end has said it itself."""
    from whet.base.errors import RunError
    from whet.track.logs.event_log import EventLog
    from whet.track.logs.logfile import LogFile

    writer = frames.parse_name(log)
    if writer is None or not log.is_file():
        return
    left = LogFile(log, writer)
    left.refresh()
    if left.end is None and not left.is_alive:
        with suppress(RunError):
            own = EventLog(log.parent, LAUNCHER)
            step = left.outline.last_step or 0
            own.event(KIND, step, {"writer": writer.name, "attempt": writer.attempt, "cause": cause})
            own.close("done", "")


def cause_of(returncode: int, num_oom_kills: int = 0) -> str:
    """A process's end in words. Of a SIGKILL, kills for memory by the kernel meanwhile say that this was one."""
    if returncode >= 0:
        return f"exit code {returncode}, without a word in the log"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    if -returncode == signal.SIGKILL and num_oom_kills > 0:
        return "out of memory: the kernel killed it (SIGKILL), as its cgroup says"
    return f"signal {name}"


def oom_kills(proc: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> int | None:
    """How many processes of this process's cgroup the kernel has killed for memory; None where it does not say."""
    with suppress(OSError, ValueError):
        for line in proc.read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" and not controllers:  # version 2
                return _oom_kill(mount / path.strip("/") / "memory.events")
            if "memory" in controllers.split(","):
                return _oom_kill(mount / "memory" / path.strip("/") / "memory.oom_control")
    return None


def _oom_kill(path: Path) -> int | None:
    for line in path.read_text().splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return None
