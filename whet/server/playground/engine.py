"""One model that is served by a process of its own, on loopback, with a key that this server alone knows."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from whet.base.guarded import GuardedProcess
from whet.server.secret import KEY

State = Literal["starting", "ready", "failed", "ended"]
# What a command says of an error, and what of it is kept.
_ERROR = re.compile(r"^error: ", re.MULTILINE)
_SAID_LINES = 200
_BOOT = "import sys; sys.path[:] = {path!r}; from whet.cli.main import main; sys.exit(main(sys.argv[1:]))"


class Process:
    """A process `whet serve MODEL`. Any thread may use it."""

    is_ours = True

    def __init__(self, model: str, root: Path, started_by: str) -> None:
        """Begin to load the model that `model` means exactly."""
        self.id, self.model, self.started_by = secrets.token_hex(6), model, started_by
        self.key = secrets.token_urlsafe(32)
        self.state: State = "starting"
        self.message, self.hint = "", ""
        self.url = ""
        self.began = time.time()
        self._used, self._num_open = time.monotonic(), 0
        self._lock = threading.Lock()
        self._said: deque[str] = deque(maxlen=_SAID_LINES)
        words = ["serve", model, "--called", model, "--port", "0", "--root", str(root)]
        environment = {**os.environ, KEY: self.key, "NO_COLOR": "1"}
        self._process = GuardedProcess(
            [sys.executable, "-c", _BOOT.format(path=sys.path), *words], environment, stderr=subprocess.PIPE
        )
        hearing = threading.Thread(target=self._hear, daemon=True)
        hearing.start()
        threading.Thread(target=self._watch, args=(hearing,), daemon=True).start()

    @property
    def idle_s(self) -> float:
        """How long nobody has asked it; 0 while it starts or answers."""
        with self._lock:
            is_busy = self._num_open or self.state == "starting"
            return 0.0 if is_busy else time.monotonic() - self._used

    @property
    def is_alive(self) -> bool:
        """Whether it answers, or will."""
        return self.state in ("starting", "ready")

    def touch(self) -> None:
        """It is wanted."""
        with self._lock:
            self._used = time.monotonic()

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While a request of somebody is answered."""
        with self._lock:
            self._num_open += 1
        try:
            yield
        finally:
            with self._lock:
                self._num_open -= 1
                self._used = time.monotonic()

    def end(self) -> None:
        """End the process. It keeps nothing that would have to be written first. Safe to call again."""
        with self._lock:
            if self.is_alive:
                self.state = "ended"
        self._process.end(grace_s=0)

    def _hear(self) -> None:
        for line in self._process.stderr:
            self._said.append(line.decode(errors="replace"))

    def _watch(self, hearing: threading.Thread) -> None:
        for said in self._process.stdout:
            line = said.decode(errors="replace")
            if line.startswith("http"):
                with self._lock:
                    self.url = line.strip().removesuffix("/v1")
                    self.state = "ready" if self.state == "starting" else self.state
                    self._used = time.monotonic()
        code = self._process.wait()
        hearing.join()
        with self._lock:
            if self.state != "ended":
                self.state = "failed"
                self.message, self.hint = _reason("".join(self._said), code)


def _reason(said: str, code: int) -> tuple[str, str]:
    """Why a process has ended, and what can be typed, by what it said last."""
    if places := [match.end() for match in _ERROR.finditer(said)]:
        message, _, hint = said[places[-1] :].partition("\nhint: ")
        return " ".join(message.split()), " ".join(hint.split())
    if code < 0:
        killed = "the process that served it was killed" if code == -signal.SIGKILL else f"signal {-code}"
        return f"{killed}: memory may not have sufficed", "whet plan --serve says what a model needs"
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), f"status {code}")
    return f"the process that served it has ended: {last[:500]}", ""
