"""Calls in worker processes that can be killed: for code that may hang, loop or exit, such as a user's or a model's."""

from __future__ import annotations

import math
import os
import pickle
import queue
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from whet.base.errors import WhetError
from whet.base.launcher import end_with_parent
from whet.base.threads import Threads
from whet.base.user_code import load_file

START_S = 120.0  # until a worker has imported what it needs
LOOK_S = 0.25  # so often it is asked whether a call is still wanted
_BOOT = "import sys; sys.path[:] = {path!r}; from whet.base.workers import serve; serve({reads}, {writes})"
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # frames of whet say a user nothing


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: its value, or why there is none. `reason` is the error's type, or `timeout` or `died`."""

    value: Any = None
    reason: str | None = None
    message: str = ""


class Workers:
    """Runs calls of a few picklable functions in up to `num` processes, which start when they are needed.

    `functions` are named. Functions of files that are no importable module are found through `files`: module name ->
    file. A call that takes longer than its time has its process killed, and the next call gets a new one.
    """

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]], *, num: int, files: Mapping[str, str] | None = None
    ) -> None:
        self._table = pickle.dumps(dict(functions))
        self._files = dict(files or {})
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._threads = Threads(num, "whet-worker")
        self._all: list[_Worker] = []
        self._lock = threading.Lock()

    def submit(
        self,
        name: str,
        arguments: Sequence[Any],
        timeout_s: float | None = None,
        *,
        keywords: Mapping[str, Any] | None = None,
        is_wanted: Callable[[], bool] | None = None,
    ) -> Future[Outcome]:
        """Call the function called `name`. The future gives its outcome and never an exception of the call's.

        Where `is_wanted` says, now and then, that it is not, the call is ended with its process (`unwanted`).
        """
        given = tuple(arguments), dict(keywords or {})
        return self._threads.submit(self._run, name, given, timeout_s, is_wanted)

    def close(self) -> None:
        """End all workers. Calls that wait are dropped."""
        self._threads.close()
        with self._lock:
            for worker in self._all:
                worker.kill()
            self._all.clear()

    def _run(
        self, name: str, arguments: tuple[Any, ...], timeout_s: float | None, is_wanted: Callable[[], bool] | None
    ) -> Outcome:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = _Worker(self._table, self._files)
            with self._lock:
                self._all.append(worker)
        outcome = worker.call(name, arguments, timeout_s, is_wanted)
        if worker.is_alive:
            self._idle.put(worker)
        else:
            with self._lock:
                if worker in self._all:
                    self._all.remove(worker)
        return outcome


class _Worker:
    """One process and the two pipes to it. It ends when this one does."""

    def __init__(self, table: bytes, files: Mapping[str, str]) -> None:
        (reads, self_writes), (self_reads, writes) = os.pipe(), os.pipe()
        code = _BOOT.format(path=[os.path.abspath(entry) for entry in sys.path], reads=reads, writes=writes)
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], pass_fds=(reads, writes), stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno()
            if _has_descriptor(sys.stderr) else subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches this process alone, which then ends them
        )  # fmt: skip
        os.close(reads)
        os.close(writes)
        self._to, self._from = Connection(self_writes, readable=False), Connection(self_reads, writable=False)
        self.is_alive, self._is_ready = True, False
        self._to.send((table, dict(files)))

    def call(
        self, name: str, arguments: tuple[Any, ...], timeout_s: float | None, is_wanted: Callable[[], bool] | None
    ) -> Outcome:
        try:
            if not self._is_ready:
                broken = self._receive(START_S)
                if broken.reason is not None:
                    self.kill()
                    return broken
                self._is_ready = True
            self._to.send((name, arguments))
            outcome = self._receive(timeout_s, is_wanted)
        except (EOFError, OSError) as error:
            self.kill()
            code = self._process.returncode
            return Outcome(reason="died", message=f"its process ended with {code} ({type(error).__name__})")
        if outcome.reason in ("timeout", "unwanted"):
            self.kill()
        return outcome

    def kill(self) -> None:
        if self.is_alive:
            self.is_alive = False
            self._process.kill()
            self._process.wait()
            self._to.close()
            self._from.close()

    def _receive(self, timeout_s: float | None, is_wanted: Callable[[], bool] | None = None) -> Outcome:
        until = math.inf if timeout_s is None else time.monotonic() + timeout_s
        look_s = math.inf if is_wanted is None else LOOK_S
        while True:
            left_s = min(look_s, max(0.0, until - time.monotonic()))
            if self._from.poll(None if left_s == math.inf else left_s):
                return self._from.recv()
            if time.monotonic() >= until:
                return Outcome(reason="timeout", message=f"no answer after {timeout_s:g} s")
            if is_wanted is not None and not is_wanted():
                return Outcome(reason="unwanted", message="nobody waits for it any more")


def serve(reads: int, writes: int) -> None:
    """The worker's side: load the functions, answer calls until the pipe closes."""
    calls, answers = Connection(reads, writable=False), Connection(writes, readable=False)
    end_with_parent()
    try:
        table, files = calls.recv()
        for module, file in files.items():
            load_file(module, file)
        functions = pickle.loads(table)
        answers.send(Outcome())
    except EOFError:
        return
    except Exception as error:
        answers.send(failure(error))
        return
    while True:
        try:
            name, arguments = calls.recv()
        except EOFError:
            return
        _answer(answers, functions[name], arguments)


def failure(error: BaseException) -> Outcome:
    """What is kept of an exception: its type, its message, and the line that raised it, unless that is whet's own."""
    frames = traceback.extract_tb(error.__traceback__)
    is_ours = not frames or frames[-1].filename.startswith(_PACKAGE)
    where = "" if is_ours else f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})"
    text = error.message if isinstance(error, WhetError) else str(error)  # a hint has a line of its own elsewhere
    return Outcome(reason=type(error).__name__, message=f"{type(error).__name__}: {text}{where}"[:2_000])


def _answer(
    answers: Connection, function: Callable[..., Any], arguments: tuple[tuple[Any, ...], dict[str, Any]]
) -> None:
    try:
        outcome = Outcome(function(*arguments[0], **arguments[1]))
    except Exception as error:
        outcome = failure(error)
    except SystemExit as error:
        outcome = Outcome(reason="SystemExit", message=f"it called exit({error.code})")
    try:
        answers.send(outcome)
    except Exception as error:  # a value that cannot be pickled
        answers.send(failure(error))


def _has_descriptor(stream: Any) -> bool:
    try:
        return stream.fileno() >= 0
    except (AttributeError, OSError, ValueError):
        return False
