"""Workers: apply a function to many items in fresh processes, results in the order of the items.

`multiprocessing` would run the user's main script again in every worker, which breaks scripts without
a `__main__` guard and imports whatever they import (torch: seconds and memory). These processes import
only what the function needs.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle
from typing import Any, TypeVar

from whet.base.errors import RunError
from whet.base.launcher import end_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")
# One thread each: the processes together fill the machine.
_THREADS = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def apply_in_order(function: Callable[[Item], Result], items: Iterable[Item], num_workers: int) -> Iterator[Result]:
    """Yield `function(item)` for each item, worked out here (0 workers) or in that many processes.

    What the function raises is raised here. Raises RunError when a process dies. Items are read as
    they are needed; the processes end with the iterator, and with this process however it ends.
    """
    if num_workers == 0:
        yield from map(function, items)
        return
    workers = [_start() for _ in range(num_workers)]
    try:
        for worker in workers:
            _send(worker, function)
        busy: deque[subprocess.Popen] = deque()
        for worker, item in zip(cycle(workers), items, strict=False):
            done = [_receive(busy.popleft())] if len(busy) == num_workers else []
            _send(worker, item)
            busy.append(worker)
            yield from done
        while busy:
            yield _receive(busy.popleft())
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def serve() -> None:
    """What a process runs: take a function, then answer items until the pipe closes."""
    end_with_parent()
    items, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not fall between the answers
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # and stays when the worker is ended
    function = pickle.load(items)
    while True:
        try:
            item = pickle.load(items)
        except EOFError:
            return
        pickle.dump(_answer(function, item), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


def _answer(function: Callable[[Item], Result], item: Item) -> tuple[Result | None, Exception | None]:
    try:
        return function(item), None
    except Exception as error:
        return None, _portable(error)


def _start() -> subprocess.Popen:
    code = f"import sys; sys.path[:] = {sys.path!r}; from whet.data.workers import serve; serve()"
    # In a session of their own, so that Ctrl-C reaches this process alone, which then ends them.
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | _THREADS,
        start_new_session=True,
    )


def _send(worker: subprocess.Popen, value: Any) -> None:
    assert worker.stdin is not None
    try:
        worker.stdin.write(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        worker.stdin.flush()
    except BrokenPipeError:
        raise _died(worker) from None


def _receive(worker: subprocess.Popen) -> Any:
    assert worker.stdout is not None
    try:
        answer, error = pickle.load(worker.stdout)
    except (EOFError, pickle.UnpicklingError):  # killed before, or in the middle of its answer
        raise _died(worker) from None
    if error is not None:
        raise error
    return answer


def _died(worker: subprocess.Popen) -> RunError:
    return RunError(
        f"a process that prepares data died with exit code {worker.wait()}",
        hint="-9 means that memory ran out; data.workers=0 prepares the data in one process",
    )


def _portable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
