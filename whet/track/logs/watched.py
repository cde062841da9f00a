"""Watch: how a process that is not our child has ended, as Linux tells whoever holds a descriptor of it."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from whet.track.logs import announced, ending

# linux/pidfd.h: `struct pidfd_info` of 64 bytes, its request and the flag for the exit code (since Linux 6.15).
_INFO = struct.Struct("<QQ11Ii")
_REQUEST = (3 << 30) | (_INFO.size << 16) | (0xFF << 8) | 11
_EXIT = 1 << 3
_TAKING_S = 0.5


class Watch:
    """Holds a process by its number, from now on; what becomes of the number does not matter."""

    def __init__(self, pid: int) -> None:
        self._pid, self._oom_kills = pid, ending.oom_kills() or 0
        self._fd = -1
        with suppress(OSError, AttributeError):  # it is gone already, or no Linux
            self._fd = os.pidfd_open(pid)

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, or cannot be seen."""
        if self._fd < 0:
            return True
        return bool(select.select([self._fd], [], [], 0)[0])

    def cause(self) -> str | None:
        """How it has ended, in words; None while it lives, and where the kernel does not say."""
        return self._told() if self._fd >= 0 and self.has_ended else None

    def wait(self, other: int) -> None:
        """Wait until it has ended or cannot be seen, or the other descriptor can be read."""
        if self._fd >= 0:
            select.select([fd for fd in (self._fd, other) if fd >= 0], [], [])

    def close(self) -> None:
        """Let go of it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _told(self) -> str | None:
        status = self._status()
        num = (ending.oom_kills() or 0) - self._oom_kills
        if status is None:  # an older kernel: that memory ran out is known all the same
            return ending.cause_of(-9, num) if num else None
        return ending.cause_of(os.waitstatus_to_exitcode(status), num)

    def _status(self) -> int | None:
        """The wait status. While its parent is taking it, it can be asked of nobody for some instructions."""
        end = time.monotonic() + _TAKING_S
        while (status := self._reaped()) is None and (status := self._zombie()) is None:
            if time.monotonic() > end:
                return None
            time.sleep(0.001)
        return status

    def _reaped(self) -> int | None:
        """The wait status of a process whose parent has been told of its end."""
        buffer = bytearray(_INFO.pack(_EXIT, 0, *([0] * 11), 0))
        try:
            fcntl.ioctl(self._fd, _REQUEST, buffer)
        except OSError:
            return None
        mask, *_, status = _INFO.unpack(buffer)
        return int(status) if mask & _EXIT else None

    def _zombie(self) -> int | None:
        """The wait status of a process whose parent has not asked yet: the last figure of its `stat` (proc(5))."""
        try:
            state, *_, status = Path("/proc", str(self._pid), "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return None
        return int(status) if state == "Z" else None


@contextmanager
def watched() -> Iterator[None]:
    """Have a small process tell the runs that this one opens meanwhile how it ended, should it be killed.

    It is forked, so this is to be entered early: a process that has threads already is left without, and so is one that
    a launcher watches. It costs a millisecond and what the fork does not share of a few megabytes.
    """
    if announced.VARIABLE in os.environ or not _is_single():
        yield
        return
    folder = Path(tempfile.mkdtemp(prefix="whet-watch-"))
    notes, (read, write), watch = folder / "logs", os.pipe(), Watch(os.getpid())  # held before anything can happen
    pid = os.fork()
    if pid == 0:
        os.close(write)
        _stand_by(watch, notes, read)
    os.close(read)
    watch.close()
    os.environ[announced.VARIABLE] = str(notes)
    try:
        yield
    finally:
        os.environ.pop(announced.VARIABLE, None)
        with suppress(OSError):
            os.write(write, b"x")  # all is well
        os.close(write)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)


def _stand_by(watch: Watch, notes: Path, read: int) -> None:
    """The watching process: out of the terminal's reach, and holding no stream of the other's. Never returns."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        os.set_blocking(read, False)
        watch.wait(read)
        if not _is_well(read):
            watch.wait(-1)  # a death closes the pipe some time before it can be asked for
            cause = watch.cause()
            for log in announced.opened(notes) if cause else ():
                ending.tell(log, str(cause))
            shutil.rmtree(notes.parent, ignore_errors=True)
    finally:
        os._exit(0)


def _is_well(read: int) -> bool:
    """Whether the other has said that all is over. Where a child of its lives, its pipe is open after its death."""
    try:
        return os.read(read, 1) != b""
    except BlockingIOError:
        return False


def _is_single() -> bool:
    """Whether this process is one thread, on a system that tells of processes."""
    try:
        return len(os.listdir("/proc/self/task")) == 1 and callable(os.pidfd_open)
    except (OSError, AttributeError):
        return False
