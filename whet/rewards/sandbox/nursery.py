"""A process that has Python ready and forks for each job: the code in one child, the tests that grade it in another.

It never sees a job: what to run goes to the children through pipes of their own, so that no child finds in the memory
that it was born with what another was told. It ends when the one that started it does.
"""

from __future__ import annotations

import _sitebuiltins
import builtins
import gc
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from whet.rewards.sandbox import graded, grader
from whet.rewards.sandbox.jail import READABLE, Jail
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

    def run(self) -> None:
        self._channel.send(json.dumps({"held": self._held()}).encode())
        gc.collect()
        gc.freeze()
        while True:
            content, descriptors, _, _ = socket.recv_fds(self._channel, 65_536, 8)
            if not content:
                return
            request = json.loads(content)
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
        """The code and its grader. Both end when the grader does."""
        code, tests, reports = descriptors
        (asks_r, asks_w), (tells_r, tells_w) = os.pipe(), os.pipe()
        graded_child = self._child(request, code, [asks_r, tells_w], lambda job: graded.main(job, asks_r, tells_w))
        grader_child = self._child(
            request, tests, [tells_r, asks_w, reports], lambda job: grader.main(job, tells_r, asks_w, reports)
        )
        for descriptor in (*descriptors, asks_r, asks_w, tells_r, tells_w):
            os.close(descriptor)
        stopped, codes = self._wait([grader_child, graded_child], request)
        return {"stopped": stopped, "code": codes[0], "graded": codes[1]}

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
        stopped, codes = self._wait([child], request)
        return {"stopped": stopped, "code": codes[0]}

    def _child(
        self, request: dict[str, Any], job: int, keep: Sequence[int], run: Callable[[dict[str, Any]], None]
    ) -> int:
        """A child that locks itself in, reads its job and does it."""

        def live() -> None:
            with os.fdopen(job, "rb") as stream:
                content = json.loads(stream.read())
            sys.setrecursionlimit(5_000)
            names = ("memory_bytes", "cpu_s", "file_bytes")
            self._jail.lock(**{name: request[name] for name in names})
            run(content)

        return self._fork(live, [job, *keep])

    def _fork(self, live: Callable[[], None], keep: Sequence[int]) -> int:
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            os.setsid()
            gc.enable()
            _close_all_but({*keep, *self._jail.descriptors})
            os.chdir(self._room.folder)
            live()
            status = 0
        except BaseException:
            status = 2
        finally:
            os._exit(status)

    def _wait(self, children: list[int], request: dict[str, Any]) -> tuple[str | None, list[int]]:
        """Wait for the first child, then end all. Why they had to be ended, and their statuses."""
        until = time.monotonic() + request["timeout_s"]
        look = None if self._room.is_apart else _LOOK_S
        stopped = None
        watch = _Watch(children[0], self._channel)
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
            watch.close()
            codes = [_end(child) for child in children]
        return stopped, codes


class _Watch:
    """Waits for the end of a child, and for a word of the one that waits for the job."""

    def __init__(self, child: int, channel: socket.socket) -> None:
        self._child, self._channel = child, channel
        self._descriptor = os.pidfd_open(child) if hasattr(os, "pidfd_open") else None
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        if self._descriptor is not None:
            self._poll.register(self._descriptor, select.POLLIN)
        self._called_off = False

    def has_ended(self, timeout_s: float) -> bool:
        wait_s = max(timeout_s, 0.0) if self._descriptor is not None else min(max(timeout_s, 0.0), 0.002)
        for descriptor, _ in self._poll.poll(wait_s * 1000):
            self._called_off |= descriptor == self._channel.fileno()
        if self._descriptor is None:
            return os.waitid(os.P_PID, self._child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        return any(descriptor == self._descriptor for descriptor, _ in self._poll.poll(0))

    def is_called_off(self) -> bool:
        """Whether nobody waits for it any more."""
        if self._called_off and not self._channel.recv(64):
            os._exit(0)  # the children die with this process
        return self._called_off

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _end(child: int) -> int:
    """End a child and what it may have started (nothing, where processes are refused). Its status."""
    for number in (lambda: os.killpg(child, signal.SIGKILL), lambda: os.kill(child, signal.SIGKILL)):
        with suppress(ProcessLookupError, PermissionError):
            number()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _close_all_but(kept: set[int]) -> None:
    """Close every other descriptor; the standard ones lead nowhere."""
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    last = 2
    for descriptor in sorted(kept):
        os.closerange(last + 1, descriptor)
        last = descriptor
    os.closerange(last + 1, 65_536)
