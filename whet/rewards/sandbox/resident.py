"""A grader that stays: it runs tests that leave nothing behind (`traceless`), for one job after the other.

A second fork, and the pages that are copied for it, are nearly half of what a small job costs. It is locked in as any
grader is, and no code of a model's is in it. What is made anew for each job: the names, the modules of the tests, the
link to the code.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from whet.rewards.sandbox import grader
from whet.rewards.sandbox.child import Child
from whet.rewards.sandbox.link import content_of

MAX_JOBS = 2_000  # then another takes its place: whatever grows, ends


class Resident:
    """The nursery's end: a part of one job after the other. `descriptor` can be read when that is done, or has failed.

    `fork` starts a process that does what it is told and keeps what descriptors it is told; `lock` locks it in.
    """

    def __init__(
        self, fork: Callable[[Callable[[], None], Sequence[int]], int], lock: Callable[[], None], limits: object
    ) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._limits, self._jobs = limits, 0
        self._status: int | None = None

        def live() -> None:
            lock()
            _live(theirs)

        self._child = Child(fork(live, [theirs.fileno()]))
        theirs.close()
        self.descriptor = self._channel.fileno()

    def may_stay(self, limits: object) -> bool:
        """Whether it lives, and is to do another job within these limits."""
        return self._status is None and self._jobs < MAX_JOBS and self._limits == limits

    def give(self, descriptors: Sequence[int]) -> None:
        """The tests, the two ends of the link to the code, and where to report."""
        self._jobs += 1
        with suppress(OSError):  # it has ended: `descriptor` says so
            socket.send_fds(self._channel, [b"."], descriptors)

    def has_ended(self) -> bool:
        try:
            self._channel.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def end(self) -> int:
        """0 where the job is done; else it is ended with the job, and this is its status."""
        with suppress(OSError):
            if self._channel.recv(1, socket.MSG_DONTWAIT):
                return 0
        return self.close()

    def close(self) -> int:
        if self._status is None:
            self._channel.close()
            self._status = self._child.end()
        return self._status


def _live(channel: socket.socket) -> None:
    """Grade until nobody asks any more. What fails ends the process, and the job with it."""
    while True:
        content, descriptors, _, _ = socket.recv_fds(channel, 1, 4)
        if not content:
            return
        tests, reads, writes, reports = descriptors
        grader.main(content_of(tests), reads, writes, reports)
        for descriptor in (reads, writes, reports):
            os.close(descriptor)
        for name in ("solution", "setup"):
            sys.modules.pop(name, None)
        channel.send(b".")
