"""A process that has Python ready and forks for each job: the code in one child, the tests that grade it in another.

It never sees a job: what to run goes to the children through pipes of their own, so that no child finds in the memory
that it was born with what another was told. It ends when the one that started it does.
"""

from __future__ import annotations

import _sitebuiltins
import builtins
import gc
import json
import marshal
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from whet.rewards.sandbox import graded, grader
from whet.rewards.sandbox.child import Child
from whet.rewards.sandbox.jail import READABLE, Jail
from whet.rewards.sandbox.link import content_of
from whet.rewards.sandbox.resident import Resident
from whet.rewards.sandbox.room import Room

# What honest code imports most, so that it is there already; not `random` and `threading`, which every fork pays for.
_READY = (
    "abc array bisect cmath collections.abc contextlib copy dataclasses datetime decimal enum fractions functools "
    "hashlib heapq itertools json math operator re string textwrap time typing"
).split()
_LOOK_S = 0.02  # between looks at what it has written, where the kernel does not count


def serve(channel: int, folder: str, apart: bool) -> None:
    """Do jobs as they come, and say what is in force first."""
    for name in _READY:
        __import__(name)
    for name in ("exit", "quit"):  # which `site` gives otherwise
        setattr(builtins, name, _sitebuiltins.Quitter(name, "Ctrl-D"))
    builtins.help = _sitebuiltins._Helper()
    room = Room(folder, READABLE, apart=apart)
    Nursery(socket.socket(fileno=channel), room, Jail(room.parent)).run()


class Nursery:
    def __init__(self, channel: socket.socket, room: Room, jail: Jail) -> None:
        self._channel, self._room, self._jail = channel, room, jail
        self._resident: Resident | None = None

    def run(self) -> None:
        self._channel.send(json.dumps({"held": self._held()}).encode())
        gc.collect()
        gc.freeze()
        while True:
            content, descriptors, _, _ = socket.recv_fds(self._channel, 65_536, 8)
            if not content:
                return
            request = marshal.loads(content)
            self._room.open(request["file_bytes"])
            try:
                run = self._program if request["task"] == "program" else self._tests
                done = run(descriptors, request)
            finally:
                self._room.close()
            self._channel.send(json.dumps(done).encode())

    def _held(self) -> list[str]:
        """What is in force in a child."""
        reads, writes = os.pipe()
        self._room.open(2**20)

        def tell() -> None:
            held = self._jail.lock(memory_bytes=2**31, cpu_s=10.0, file_bytes=2**20)
            os.write(writes, json.dumps(held).encode())

        child = self._fork(tell, [writes])
        os.close(writes)
        with os.fdopen(reads, "rb") as stream:
            held = json.loads(stream.read() or b"[]")
        os.waitpid(child, 0)
        self._room.close()
        return [*held, *(["no-view"] if self._room.is_apart else [])]

    def _tests(self, descriptors: Sequence[int], request: dict[str, Any]) -> dict[str, Any]:
        """The code and its grader. The code is ended when the grader is done."""
        code, tests, reports = descriptors
        (asks_r, asks_w), (tells_r, tells_w) = os.pipe(), os.pipe()
        answering = Child(self._child(request, code, [asks_r, tells_w], lambda job: graded.main(job, asks_r, tells_w)))
        grading: Child | Resident
        if request["is_traceless"]:
            grading = self._settled(request)
            grading.give([tests, tells_r, asks_w, reports])
        else:
            keep = [tells_r, asks_w, reports]
            grading = Child(self._child(request, tests, keep, lambda job: grader.main(job, tells_r, asks_w, reports)))
        for descriptor in (*descriptors, asks_r, asks_w, tells_r, tells_w):
            os.close(descriptor)
        stopped, codes = self._wait([grading, answering], request)
        return {"stopped": stopped, "code": codes[0], "graded": codes[1]}

    def _settled(self, request: dict[str, Any]) -> Resident:
        """The grader that stays, another one where that has ended, is worn, or has other limits."""
        limits = request["memory_bytes"], request["file_bytes"]
        if self._resident is None or not self._resident.may_stay(limits):
            if self._resident is not None:
                self._resident.close()
            endless = {**request, "cpu_s": 2.0**31}  # of all its jobs: each is ended by the clock
            self._resident = Resident(self._fork, lambda: self._lock(endless), limits)
        return self._resident

    def _program(self, descriptors: Sequence[int], request: dict[str, Any]) -> dict[str, Any]:
        """The code alone, with the standard streams that it was given."""
        code, *streams = descriptors

        def run(job: dict[str, Any]) -> None:
            for number, descriptor in enumerate(streams):
                os.dup2(descriptor, number)
                os.close(descriptor)
            sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
            sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
            graded.program(job)

        child = self._child(request, code, streams, run)
        for descriptor in descriptors:
            os.close(descriptor)
        stopped, codes = self._wait([Child(child)], request)
        return {"stopped": stopped, "code": codes[0]}

    def _child(
        self, request: dict[str, Any], job: int, keep: Sequence[int], run: Callable[[dict[str, Any]], None]
    ) -> int:
        """A child that locks itself in, reads its job and does it."""

        def live() -> None:
            content = content_of(job)
            self._lock(request)
            run(content)

        return self._fork(live, [job, *keep])

    def _lock(self, limits: dict[str, Any]) -> None:
        self._jail.lock(memory_bytes=limits["memory_bytes"], cpu_s=limits["cpu_s"], file_bytes=limits["file_bytes"])
        sys.setrecursionlimit(5_000)

    def _fork(self, live: Callable[[], None], keep: Sequence[int]) -> int:
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            os.setsid()
            _close_all_but([*keep, *self._jail.descriptors])
            os.chdir(self._room.folder)
            live()
            status = 0
        except BaseException:
            status = 2
        finally:
            os._exit(status)

    def _wait(self, parts: Sequence[Child | Resident], request: dict[str, Any]) -> tuple[str | None, list[int]]:
        """Wait for the first of a job's parts, then end all. Why they had to be ended, and their statuses."""
        until = time.monotonic() + request["timeout_s"]
        look = None if self._room.is_apart else _LOOK_S
        stopped = None
        watch = _Watch(parts[0], self._channel)
        try:
            while not watch.has_ended(min(until - time.monotonic(), look or 60.0)):
                if watch.is_called_off():
                    stopped = "it printed too much"
                elif time.monotonic() >= until:
                    stopped = f"it ran longer than {request['told_s']:g} s"
                else:
                    stopped = self._room.excess(request["file_bytes"])
                if stopped:
                    break
        finally:
            codes = [part.end() for part in parts]
        return stopped, codes


class _Watch:
    """Waits for the end of a part, and for a word of the one that waits for the job."""

    def __init__(self, part: Child | Resident, channel: socket.socket) -> None:
        self._part, self._channel = part, channel
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        if part.descriptor is not None:
            self._poll.register(part.descriptor, select.POLLIN)
        self._called_off = False

    def has_ended(self, timeout_s: float) -> bool:
        wait_s = max(timeout_s, 0.0) if self._part.descriptor is not None else min(max(timeout_s, 0.0), 0.002)
        for descriptor, _ in self._poll.poll(wait_s * 1000):
            self._called_off |= descriptor == self._channel.fileno()
        return self._part.has_ended()

    def is_called_off(self) -> bool:
        """Whether nobody waits for it any more."""
        if self._called_off and not self._channel.recv(64):
            os._exit(0)  # the children die with this process
        return self._called_off


def _close_all_but(kept: Iterable[int]) -> None:
    """Close every other descriptor but the standard ones, which lead nowhere in a nursery."""
    last = 2
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, 65_536)
