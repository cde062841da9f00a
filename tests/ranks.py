"""Run a function in forked children: as ranks that talk over gloo, or alone so that it can be killed.

Forking after torch is imported saves the 10 seconds of imports that a fresh process pays. It is safe
here because tests run torch on one thread, so no thread pool exists that a fork would lose.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

import torch

# Optimizers and DTensor import it at their first use: once here, and not in every child.
import torch._dynamo

# Of those of one call, so many have the same ranks.
_CASES = 30


class Child:
    """A forked process that runs `work` and sends back its result or its traceback.

    For a launcher it has the face of `subprocess.Popen`; its exit code is what `work` returned if that is a number, and
    1 where it failed.
    """

    def __init__(self, work: Callable[[], Any], environment: Mapping[str, str] | None = None) -> None:
        self.results, sender = Pipe(duplex=False)
        self.code: int | None = None
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _run(work, environment or {}, sender)
        sender.close()

    def wait(self) -> Any:
        """The result of `work`. Raises when the child failed; returns None when it was killed."""
        try:
            ok, value = self.results.recv()
        except EOFError:
            ok, value = True, pickle.dumps(None)
        except BaseException:  # the test's ceiling
            self.end()
            raise
        self._reap(0)
        if not ok:
            raise AssertionError(f"the child failed:\n{value}")
        return pickle.loads(value)

    def poll(self) -> int | None:
        """Its exit code once it has ended, negative for a signal."""
        return self._reap(os.WNOHANG)

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            self.kill(number)

    def end(self) -> None:
        """Have it end now if it has not: it tells on pytest's stderr where its threads stand."""
        if self.poll() is None:
            for number in (signal.SIGABRT, signal.SIGCONT):
                self.kill(number)
            self._reap(0)

    def _reap(self, how: int) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, how)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code


def on_ranks(size: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Results of `work(*arguments)` on `size` ranks that torch.distributed sees, in rank order.

    Raises what the first rank that failed tells, and ends the others, which would wait for it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
    }
    children = [
        Child(lambda: work(*arguments), {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(size)
    ]
    found: dict[int, Any] = {}
    try:
        while len(found) < size:
            for one in wait([child.results for rank, child in enumerate(children) if rank not in found]):
                rank = next(rank for rank, child in enumerate(children) if child.results is one)
                found[rank] = children[rank].wait()
    finally:
        for child in children:
            child.end()
    return [found[rank] for rank in range(size)]


def in_turns(size: int, work: Callable[..., Mapping[Any, Any]], cases: Sequence[Any], *arguments: Any) -> list[Any]:
    """What ranks find of many cases (`work(cases, *arguments)`, by case), some after the others on ranks of their own.

    Process groups last as long as their rank, and the threads of two hundred take a sixth of a core while they wait.
    """
    found: list[dict[Any, Any]] = [{} for _ in range(size)]
    for start in range(0, len(cases), _CASES):
        for own, more in zip(found, on_ranks(size, work, cases[start : start + _CASES], *arguments), strict=True):
            own.update(more)
    return found


def _run(work: Callable[[], Any], environment: Mapping[str, str], sender: Connection) -> None:
    """The child's whole life; it never returns into the test that forked it."""
    code = 1
    try:
        os.environ.update(environment)
        # After a fork ATen makes its thread pool anew at first use, and two threads that come first together, as in
        # transformers' loading, find none (torch 2.13: "Invalid thread pool!"). Here nobody else is running yet.
        torch.set_num_threads(torch.get_num_threads())
        result = work()
        sender.send((True, pickle.dumps(result)))
        code = result if type(result) is int else 0
    except BaseException:
        with suppress(OSError):  # nobody may be there any more who wants to know
            sender.send((False, traceback.format_exc()))
    finally:
        sender.close()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
