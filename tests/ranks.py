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
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Any

import torch

# Optimizers and DTensor import it at their first use: once here, and not in every child.
import torch._dynamo


class Child:
    """A forked process that runs `work` and sends back its result or its traceback."""

    def __init__(self, work: Callable[[], Any], environment: dict[str, str] | None = None) -> None:
        self._results, sender = Pipe(duplex=False)
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _run(work, environment or {}, sender)
        sender.close()

    def wait(self) -> Any:
        """The result of `work`. Raises when the child failed; returns None when it was killed."""
        try:
            ok, value = self._results.recv()
        except EOFError:
            os.waitpid(self.pid, 0)
            return None
        os.waitpid(self.pid, 0)
        if not ok:
            raise AssertionError(f"the child failed:\n{value}")
        return pickle.loads(value)

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)


def on_ranks(size: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Results of `work(*arguments)` on `size` ranks that torch.distributed sees, in rank order."""
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
    return [child.wait() for child in children]


def _run(work: Callable[[], Any], environment: dict[str, str], sender: Connection) -> None:
    """The child's whole life; it never returns into the test that forked it."""
    try:
        os.environ.update(environment)
        # After a fork ATen makes its thread pool anew at first use, and two threads that come first together, as in
        # transformers' loading, find none (torch 2.13: "Invalid thread pool!"). Here nobody else is running yet.
        torch.set_num_threads(torch.get_num_threads())
        sender.send((True, pickle.dumps(work())))
    except BaseException:
        sender.send((False, traceback.format_exc()))
    finally:
        sender.close()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
