"""How much memory a block of code allocates at most, and how long it takes."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any


class Peak:
    """`num_bytes` is the most that the process allocated inside the block above what it had when it was entered.

    RssAnon, sampled every 5 ms: mapped files, which the system may drop at any time, do not count.
    """

    def __enter__(self) -> Peak:
        self.seconds, self._start = 0.0, allocated()
        self._most, self._done = self._start, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *error: Any) -> None:
        self.seconds = time.perf_counter() - self._began
        self._done.set()
        self._thread.join()

    @property
    def num_bytes(self) -> int:
        return self._most - self._start

    def _watch(self) -> None:
        while not self._done.is_set():
            self._most = max(self._most, allocated())
            time.sleep(0.005)


def allocated() -> int:
    """Bytes of the process that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell RssAnon")
