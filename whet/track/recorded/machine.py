"""The writer `machine`: a thread that records the environment once and then samples hardware, energy and cost.

It has a log of its own beside the run's, `machine.a1.tlog`, and nobody waits for it.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from whet.base.errors import RunError
from whet.track.recorded.energy import FREE, Prices

if TYPE_CHECKING:
    from whet.track.logs.event_log import EventLog

WRITER = "machine"
# How long the end of a run waits for what the thread is at, and the end of the process.
PATIENCE_S, LAST_PATIENCE_S = 0.03, 2.0


class Machine:
    """Records until `close`. `step` tells the step that samples are written at; `every_s` of 0 takes none, and without
    `environment` only samples are taken.

    Raises nothing: a machine that tells nothing, or a disk that takes nothing, is a record less.
    """

    def __init__(
        self,
        logs: Path,
        step: Callable[[], int],
        *,
        every_s: float,
        environment: bool = True,
        prices: Prices = FREE,
        rank: int = 0,
    ) -> None:
        self._logs, self._step, self._every_s, self._prices = logs, step, every_s, prices
        self._wants_environment = environment
        self._script = getattr(sys.modules.get("__main__"), "__file__", None)  # Python forgets it when the program ends
        self._writer = f"{WRITER}-{rank}" if rank else WRITER
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="whet machine", daemon=True)
        self._thread.start()
        # Without us: `step` may hold a whole training, which nobody shall keep until the process ends.
        self._wait = partial(_wait, self._thread, self._ended, os.getpid())
        atexit.register(self._wait, LAST_PATIENCE_S)

    def close(self) -> None:
        """Have a last sample taken. What the thread is still at goes on; the end of the process waits for it."""
        self._wait(PATIENCE_S)
        if not self._thread.is_alive():
            atexit.unregister(self._wait)

    def _run(self) -> None:
        from whet.track.logs.event_log import EventLog

        try:
            log = EventLog(self._logs, self._writer)
        except RunError:  # the run's own log has said it
            return
        try:
            self._record(log)
        except Exception as error:  # such as a kernel whose figures read otherwise: training goes on
            log.drop(error)
        log.close("done", "")

    def _record(self, log: EventLog) -> None:
        from whet.track.recorded.environment import KIND, code, environment
        from whet.track.recorded.sampler import Sampler

        if self._wants_environment:
            log.event(KIND, self._step(), environment())
            if found := code(self._logs, self._script):
                log.event(KIND, self._step(), found)
        if not self._every_s:
            return
        sampler = Sampler(os.getpid(), self._prices)
        while True:
            is_last = self._ended.wait(self._every_s)
            log.scalars(self._step(), sampler.sample(time.monotonic()))
            if is_last:
                return


def _wait(thread: threading.Thread, ended: threading.Event, pid: int, patience_s: float) -> None:
    """Have the thread end, and wait for it, if it is one of this process: a forked child has none."""
    ended.set()
    if os.getpid() == pid:
        thread.join(patience_s)


def is_of_this_machine() -> bool:
    """Whether this process is the one of its machine that tells of it: the first of those that torchrun started."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
