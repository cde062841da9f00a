"""Supervisor: the follower of a run. It starts a process for each plug-in, ends those that hang, and tells the run."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from whet.base.errors import WhetError
from whet.track.follow.order import FOLDER, Order
from whet.track.follow.secrets import redacted
from whet.track.follow.tail import FOLLOWER, Tail
from whet.track.follow.worker import DONE, POLL_S, REFUSED
from whet.track.logs import announced, ending, liveness
from whet.track.logs.event_log import EventLog
from whet.track.logs.watched import Watch
from whet.track.reading.store import LOGS


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: a call of a plug-in may take `hang_s`, its imports `start_s`; after a run's end all may take `last_s`.

    A plug-in that fails is started again after `pause_s`, twice that, and so on up to `longest_pause_s`, until it has
    failed `most_failures` times without having taken anything.
    """

    hang_s: float = 60.0
    start_s: float = 300.0
    last_s: float = 900.0
    pause_s: float = 1.0
    longest_pause_s: float = 300.0
    most_failures: int = 20


@dataclass(slots=True)
class Worker:
    """One plug-in: its process while there is one, what it has said, how often it has failed."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    said: bytes = b""
    errors: bytes = b""
    heard: float = 0.0
    has_begun: bool = False
    failures: int = 0
    due: float = 0.0
    is_over: bool = False
    pipes: dict[int, str] = field(default_factory=dict)


class Supervisor:
    """Follows one run to its end. `run()` returns when every plug-in has ended.

    Its order is this user's, or the one with the digest that was `agreed` to; workers get no other one meanwhile.
    """

    def __init__(self, run: Path, patience: Patience | None = None, agreed: str = "") -> None:
        self._run, self._patience = run, patience or Patience()
        order = Order.load(run)
        self._digest = order.digest
        if self._digest != agreed:
            order.check_own(str(run))
        self._workers = {one.name: Worker(one.name) for one in order.followed}
        self._selector = selectors.DefaultSelector()
        self._log: EventLog | None = None
        self._tail = Tail(run / LOGS)
        self._watched: dict[Path, Watch] = {}
        self._over_since: float | None = None

    def run(self) -> None:
        """Start, hear, end and start again, until all is over."""
        try:
            self._watch()  # before anybody hears of the run: who hears of its last words may end it
            while self._run.is_dir() and not all(worker.is_over for worker in self._workers.values()):
                now = time.monotonic()
                for worker in self._workers.values():
                    self._look_after(worker, now)
                for key, _ in self._selector.select(POLL_S):
                    self._hear(self._workers[key.data], key.fd)
                self._watch()
                self._hurry(now)
        finally:
            for worker in self._workers.values():
                self._kill(worker)
            if self._log is not None:
                self._log.close("done", "")

    def tell(self, level: str, text: str) -> None:
        """Write a notice into the run, without secrets."""
        if self._log is None and (self._run / LOGS).is_dir():
            with suppress(WhetError):
                self._log = EventLog(self._run / LOGS, FOLLOWER)
        if self._log is not None:
            speaker = self._tail.speaker
            self._log.event("notice", speaker.step if speaker else 0, {"level": level, "text": redacted(text)})

    def _look_after(self, worker: Worker, now: float) -> None:
        if worker.is_over:
            return
        if worker.process is None:
            if now >= worker.due:
                self._start(worker, now)
        elif (code := worker.process.poll()) is not None:
            self._drain(worker)
            self._ended(worker, code, now)
        elif now - worker.heard > (limit := self._patience.hang_s if worker.has_begun else self._patience.start_s):
            self._kill(worker)
            self._failed(worker, f"it hung for {limit:g} s", now)

    def _start(self, worker: Worker, now: float) -> None:
        said, says = os.pipe()
        failed, fails = os.pipe()
        worker.heard, worker.has_begun, worker.said, worker.errors = now, False, b"", b""
        worker.pipes = {said: "said", failed: "errors"}
        for fd in worker.pipes:
            os.set_blocking(fd, False)
            self._selector.register(fd, selectors.EVENT_READ, worker.name)
        command = [sys.executable, "-P", "-m", "whet.track.follow.worker", str(self._run), worker.name]
        command += [self._digest, str(says)]
        try:
            worker.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=fails, pass_fds=(says,),
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._kill(worker)
            self._failed(worker, str(error.strerror), now)
        finally:
            os.close(says)
            os.close(fails)

    def _hear(self, worker: Worker, fd: int) -> bool:
        """Take what a pipe holds. Returns whether there was anything."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            self._forget(worker, fd)
            return False
        if worker.pipes.get(fd) == "errors":
            worker.errors = (worker.errors + data)[-4096:]
            return True
        *lines, worker.said = (worker.said + data).split(b"\n")
        for line in lines:
            with suppress(ValueError):
                self._heard(worker, json.loads(line))
        return True

    def _heard(self, worker: Worker, said: Mapping[str, object]) -> None:
        worker.heard, worker.has_begun = time.monotonic(), True
        if said.get("beat"):
            worker.failures = 0
        elif "text" in said:
            self.tell(str(said.get("level")), f"{worker.name}: {said['text']}")

    def _ended(self, worker: Worker, code: int, now: float) -> None:
        last = worker.errors.decode(errors="replace").strip().splitlines()
        self._kill(worker)
        if code in (DONE, REFUSED):
            worker.is_over = True
        else:
            self._failed(worker, last[-1][:300] if code > 0 and last else ending.cause_of(code), now)

    def _failed(self, worker: Worker, why: str, now: float) -> None:
        """Start it again after a pause, or give it up. The first failure is told, and the last."""
        patience = self._patience
        worker.failures += 1
        if worker.failures >= patience.most_failures:
            worker.is_over = True
            self.tell("warning", f"the follower `{worker.name}` has ended after {worker.failures} failures: {why}")
            return
        worker.due = now + min(patience.pause_s * 2 ** (worker.failures - 1), patience.longest_pause_s)
        if worker.failures == 1:
            self.tell("warning", f"the follower `{worker.name}` failed and is started again: {why}")

    def _kill(self, worker: Worker) -> None:
        """End a process with all below it, and let go of its pipes."""
        process, worker.process = worker.process, None
        if process is not None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for fd in list(worker.pipes):
            self._forget(worker, fd)

    def _drain(self, worker: Worker) -> None:
        for fd in list(worker.pipes):
            while fd in worker.pipes and self._hear(worker, fd):
                pass

    def _forget(self, worker: Worker, fd: int) -> None:
        self._selector.unregister(fd)
        del worker.pipes[fd]
        os.close(fd)

    def _watch(self) -> None:
        """Look how the run's processes fare; of one that was killed, write down why, unless its launcher does."""
        while self._tail.read():
            pass
        for log in self._tail.logs:
            if log.has_end or announced.VARIABLE in os.environ:
                continue
            pid, is_here = log.start.get("pid"), log.start.get("host") == os.uname().nodename
            if log.is_alive and is_here and log.path not in self._watched and isinstance(pid, int) and pid > 0:
                self._watched[log.path] = Watch(pid)
            elif not log.is_alive and log.path in self._watched and self._watched[log.path].has_ended:
                watch = self._watched.pop(log.path)
                if (cause := watch.cause()) is not None:
                    ending.tell(log.path, cause)
                watch.close()

    def _hurry(self, now: float) -> None:
        """Give up what goes on for too long after the run."""
        self._over_since = (self._over_since or now) if self._tail.is_over and self._tail.is_settled else None
        if self._over_since is None or now - self._over_since < self._patience.last_s:
            return
        for worker in self._workers.values():
            if not worker.is_over:
                self._kill(worker)
                worker.is_over = True
                text = f"the follower `{worker.name}` was not done {self._patience.last_s:g} s after the run's end"
                self.tell("warning", text)


def follow(run: Path, patience: Patience | None = None, agreed: str = "") -> None:
    """Follow a run to its end. Where somebody does so already, wait for them.

    Raises RunError without an order, and for one that somebody else has left and whose digest is not `agreed` to.
    """
    folder = run / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        liveness.hold(fd)
        Supervisor(run, patience, agreed).run()
    finally:
        os.close(fd)
