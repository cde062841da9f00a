"""Watch: how a process that is not ours has ended, as Linux tells whoever holds a descriptor of it."""

from __future__ import annotations

import fcntl
import os
import select
import struct
from contextlib import suppress

from whet.track import ending

# linux/pidfd.h: `struct pidfd_info` of 64 bytes, its request and the flag for the exit code (since Linux 6.15).
_INFO = struct.Struct("<QQ11Ii")
_REQUEST = (3 << 30) | (_INFO.size << 16) | (0xFF << 8) | 11
_EXIT = 1 << 3


class Watch:
    """Holds a process by its number, from now on; what becomes of the number does not matter."""

    def __init__(self, pid: int) -> None:
        self._oom_kills = ending.oom_kills() or 0
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

    def close(self) -> None:
        """Let go of it."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _told(self) -> str | None:
        num = (ending.oom_kills() or 0) - self._oom_kills
        buffer = bytearray(_INFO.pack(_EXIT, 0, *([0] * 11), 0))
        try:
            fcntl.ioctl(self._fd, _REQUEST, buffer)
        except OSError:  # an older kernel: that memory ran out is known all the same
            return ending.cause_of(-9, num) if num else None
        mask, *_, status = _INFO.unpack(buffer)
        return ending.cause_of(os.waitstatus_to_exitcode(status), num) if mask & _EXIT else None
