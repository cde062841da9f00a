"""Processes that are forked of one that has imported what tests import, and run nothing.

A test's own process has threads that earlier tests left: in a fork of it a lock that one of them held stays locked for
ever. This one is forked before the first test, has a single thread, and forks for each that asks. A fresh process would
pay 10 seconds of imports.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from multiprocessing.connection import Connection, Pipe
from typing import Any, NoReturn

import torch

Context = Callable[[], AbstractContextManager[object]]
_ASKING: list[socket.socket] = []  # at most one: where this process asks for children
# What most trainings import at first use.
_IMPORTED = (
    "torch._dynamo",
    *(f"transformers.models.{name}.modeling_{name}" for name in ("llama", "gpt2", "bert", "t5", "bart", "modernbert")),
)
_WITHIN: list[Context] = []
_SPENT_S = [0.0]  # of processor, by children that have ended


def open_nursery() -> None:
    """Fork the process that will fork. To be called once, when everything is imported and nothing has run."""
    asking, asked = socket.socketpair()
    if os.fork() == 0:
        asking.close()
        try:
            _serve(asked)
        finally:
            os._exit(0)
    asked.close()
    _ASKING.append(asking)


def spent_s() -> float:
    """Seconds of processor of all children that were waited for."""
    return _SPENT_S[0]


@contextmanager
def within(context: Context) -> Iterator[None]:
    """Be within a context, and so are children that are made meanwhile: it is pickled, as far as it is by then."""
    _WITHIN.append(context)
    try:
        with context():
            yield
    finally:
        _WITHIN.remove(context)


class Child:
    """A child of the nursery that does `work`, which is pickled; with the face of `subprocess.Popen` for a launcher.

    It has this process's environment, with `environment` over it, its folder, its filters of warnings, its stdout and
    stderr, and no thread.
    """

    def __init__(self, work: Callable[[], Any], environment: Mapping[str, str] | None = None) -> None:
        if not _ASKING:
            raise RuntimeError("the nursery is not open: tests/conftest.py opens it once tests are collected")
        life = pickle.dumps(({**os.environ, **(environment or {})}, os.getcwd(), warnings.filters, _WITHIN, work))
        sys.stdout.flush()
        sys.stderr.flush()
        self.results, its_talk = Pipe()
        self._ending, its_ending = Pipe()
        socket.send_fds(_ASKING[0], [b"."], [its_talk.fileno(), its_ending.fileno(), 1, 2])
        its_talk.close()
        its_ending.close()
        self.pid: int = self._ending.recv()
        self.code: int | None = None
        self.results.send_bytes(life)

    def wait(self) -> Any:
        """The result of `work`. Raises when it failed; returns None when the child was killed."""
        try:
            ok, value = self.results.recv()
        except (EOFError, ConnectionResetError):
            ok, value = True, pickle.dumps(None)
        except BaseException:  # the test's ceiling
            self.end()
            raise
        self._until_ended()
        if not ok:
            raise AssertionError(f"the child failed:\n{value}")
        return pickle.loads(value)

    def poll(self) -> int | None:
        """Its exit code once it has ended, negative for a signal: 1 where `work` failed, and what it returned where
        that is a number."""
        if self.code is None and self._ending.poll(0):
            self.code, spent_s = self._ending.recv()
            _SPENT_S[0] += spent_s
        return self.code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.send_signal(number)

    def end(self) -> None:
        """Have it end now if it has not: it tells on pytest's stderr where its threads stand."""
        for number in (signal.SIGABRT, signal.SIGCONT):
            self.send_signal(number)
        self._until_ended()

    def _until_ended(self) -> None:
        while self.poll() is None:
            self._ending.poll(None)


def _serve(asked: socket.socket) -> None:
    """Fork for each that asks, and tell of each child that ends; until nobody is left who could ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    woken, wakes = socket.socketpair()
    for one in (woken, wakes):
        one.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    living: dict[int, Connection] = {}
    while True:
        ready, _, _ = select.select([asked, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _reap(living)
        if asked in ready:
            byte, descriptors, _, _ = socket.recv_fds(asked, 1, 4)
            if not byte:
                break
            talk, ending, *outputs = descriptors
            _prepare()
            pid = os.fork()
            if pid == 0:
                signal.set_wakeup_fd(-1)
                asked.close()
                os.close(ending)
                _live(Connection(talk), outputs)
            for descriptor in (talk, *outputs):
                os.close(descriptor)
            living[pid] = Connection(ending)
            living[pid].send(pid)
    for pid in living:
        os.kill(pid, signal.SIGKILL)


@cache
def _prepare() -> None:
    """Do what every training does at first, a quarter of a second: imports, and a table that transformers makes."""
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    from whet.base.catalogue import SLOTS

    for slot in SLOTS.values():
        for name in slot.names():
            slot.get(name)
    for name in _IMPORTED:
        import_module(name)
    get_checkpoint_conversion_mapping("llama")


def _reap(living: dict[int, Connection]) -> None:
    while living:
        pid, status, usage = os.wait4(-1, os.WNOHANG)
        if pid == 0:
            return
        with living.pop(pid) as ending, suppress(OSError):  # nobody may be there any more who wants to know
            ending.send((os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime))


def _live(talk: Connection, outputs: list[int]) -> NoReturn:
    """The child's whole life: it returns nowhere."""
    code = 1
    try:
        for number, default in ((signal.SIGCHLD, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
            signal.signal(number, default)
        for own, given in enumerate(outputs, start=1):
            os.dup2(given, own)
            os.close(given)
        sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
        environment, folder, filters, contexts, work = pickle.loads(talk.recv_bytes())
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        warnings.resetwarnings()  # which tells them that they are others
        warnings.filters[:] = filters
        # After a fork ATen makes its thread pool anew at first use, and two threads that come first together, as in
        # transformers' loading, find none (torch 2.13: "Invalid thread pool!"). Here nobody else is running yet.
        torch.set_num_threads(torch.get_num_threads())
        with ExitStack() as within_them:
            for context in contexts:
                within_them.enter_context(context())
            result = work()
        code = result if type(result) is int else 0
        talk.send((True, pickle.dumps(result)))
    except BaseException:
        code = 1
        with suppress(OSError):
            talk.send((False, traceback.format_exc()))
    finally:
        talk.close()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
