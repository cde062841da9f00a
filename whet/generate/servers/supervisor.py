"""A server that is kept going: waited for, watched, and started again when it ends or no longer answers."""

from __future__ import annotations

import http.client
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whet.base.errors import RunError
from whet.generate.servers.child import Child
from whet.generate.servers.commands import LOOPBACK
from whet.generate.servers.wanted import Command


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, and how often it is begun again."""

    start_s: float = 1800.0
    every_s: float = 0.5
    # A check while it serves, how long each may take, and how many in a row may get no answer.
    check_every_s: float = 5.0
    check_s: float = 30.0
    checks: int = 3
    # It is begun again after a second, two, four and so on; who lives so long has begun well.
    first_pause_s: float = 1.0
    restarts: int = 5
    good_s: float = 60.0
    told_every_s: float = 10.0


class Supervisor:
    """Keeps one server. `is_ready` says whether requests may be sent to it."""

    def __init__(
        self, engine: str, command: Command, port: int, log: Path | None = None, patience: Patience | None = None
    ) -> None:
        self.engine, self.port, self.key = engine, port, command.secret
        self.is_ready, self.num_restarts = False, 0
        self.failure: RunError | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._command, self._log, self._patience = command, log, patience or Patience()
        self._child: Child | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True, name="engine-watch")

    def start(self) -> None:
        """Begin it and wait until it answers; from then on it is watched. Raises RunError with its last words."""
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._ending.set()
        self.is_ready = False
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()
        if self._child is not None:
            self._child.stop()

    def _begin(self) -> None:
        self._child = child = Child(self._command, self._log)
        patience, began = self._patience, time.monotonic()
        told = began
        while not self._answers(patience.check_s):
            now = time.monotonic()
            if not child.is_alive:
                said = f"{self.engine} ended before it answered: {child.words()}"
                raise RunError(said, at="--engine", hint=self._command.shown())
            if now - began > patience.start_s:
                said = f"{self.engine} did not answer in {patience.start_s:g} s: {child.words()}"
                raise RunError(said, at="--engine", hint=self._command.shown())
            if now - told > patience.told_every_s:
                told = now
                print(f"{self.engine} starts, {now - began:.0f} s: {child.last[:150]}", file=sys.stderr, flush=True)
            if self._ending.wait(patience.every_s):
                return
        self.is_ready = True

    def _keep(self) -> None:
        """Watch it, and begin it again, until it is ended or has failed too often."""
        num_failed = 0
        while not self._ending.is_set():
            began = time.monotonic()
            why = self._watched()
            self.is_ready = False
            if self._ending.is_set():
                return
            num_failed = 1 if time.monotonic() - began > self._patience.good_s else num_failed + 1
            if not self._again(why, num_failed):
                return

    def _watched(self) -> str:
        """Why it has to be begun again; any word where it is being ended."""
        child, patience, num_silent = self._child, self._patience, 0
        assert child is not None
        checked = time.monotonic()
        while not self._ending.wait(patience.every_s):
            if not child.is_alive:
                return f"ended: {child.words(4)}"
            if time.monotonic() - checked < patience.check_every_s:
                continue
            num_silent = 0 if self._answers(patience.check_s) else num_silent + 1
            checked = time.monotonic()
            if num_silent >= patience.checks:
                return f"did not answer {num_silent} times in a row"
        return "is ended"

    def _again(self, why: str, num_failed: int) -> bool:
        """Begin it again, as often as there is patience for. Whether it goes on."""
        while num_failed <= self._patience.restarts:
            pause_s = self._patience.first_pause_s * 2 ** (num_failed - 1)
            print(f"{self.engine} {why}\n{self.engine} is started again in {pause_s:g} s", file=sys.stderr, flush=True)
            if self._child is not None:
                self._child.stop()
            if self._ending.wait(pause_s):
                return False
            try:
                self._begin()
            except RunError as error:
                why, num_failed = error.message, num_failed + 1
                continue
            self.num_restarts += 1
            return not self._ending.is_set()
        said = f"{self.engine} failed {num_failed} times in a row and is given up; the last time it {why}"
        self.failure = RunError(said, at="--engine", hint=self._command.shown())
        self.on_failure()
        return False

    def _answers(self, timeout_s: float) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=timeout_s)
        try:
            connection.request("GET", "/health", headers={"Authorization": f"Bearer {self.key}"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
