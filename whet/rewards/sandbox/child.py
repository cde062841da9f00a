"""A process that a nursery forked for one part of one job."""

from __future__ import annotations

import os
import signal
from contextlib import suppress


class Child:
    """`descriptor` can be read once the process has ended, where the system has such a thing; it is not yet reaped."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.descriptor = os.pidfd_open(number) if hasattr(os, "pidfd_open") else None

    def has_ended(self) -> bool:
        return os.waitid(os.P_PID, self._number, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self) -> int:
        """End it and what it may have started (nothing, where processes are refused). Its status."""
        if self.descriptor is not None:
            os.close(self.descriptor)
        for number in (lambda: os.killpg(self._number, signal.SIGKILL), lambda: os.kill(self._number, signal.SIGKILL)):
            with suppress(ProcessLookupError, PermissionError):
                number()
        return os.waitstatus_to_exitcode(os.waitpid(self._number, 0)[1])
