"""A server in a process of its own, which ends with this one whatever happens."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from pathlib import Path

from whet.base.errors import RunError
from whet.base.guarded import GuardedProcess
from whet.generate.servers.wanted import Command

_LINES = 200


class Child:
    """One process and those that it starts, with the last lines that they print."""

    def __init__(self, command: Command, log: Path | None = None) -> None:
        """Start it. With `log` all that it prints is added to that file. Raises RunError where it cannot be."""
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._log = log
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **command.environment}
        # What would open an engine to control by whoever reaches it.
        environment.pop("VLLM_SERVER_DEV_MODE", None)
        try:
            self._process = GuardedProcess(command.words, environment)
        except OSError as error:
            raise RunError(f"{command.words[0]} does not start: {error}", at="--engine", hint=command.shown()) from None
        self._reader = threading.Thread(target=self._read, daemon=True, name="engine-output")
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def last(self) -> str:
        """The last line."""
        return self._lines[-1] if self._lines else ""

    def words(self, count: int = 12) -> str:
        """How it ended, and the last lines, of which those that name an error come first."""
        self._reader.join(timeout=2)
        lines = list(self._lines)
        told = [line for line in lines if "error" in line.lower()][-3:]
        code = self._process.poll()
        how = "" if code is None else f"signal {-code}" if code < 0 else f"exit code {code}"
        return "\n  ".join(filter(None, [how, *told, *(line for line in lines[-count:] if line not in told)]))

    def stop(self, grace_s: float = 10.0) -> None:
        """End it: asked first, and after so long killed, with all that it started. Safe to call again."""
        self._process.end(grace_s)
        self._reader.join(timeout=2)

    def _read(self) -> None:
        with contextlib.ExitStack() as opened:
            log = opened.enter_context(self._log.open("ab")) if self._log is not None else None
            for line in opened.enter_context(self._process.stdout):
                if log is not None:
                    log.write(line)
                    log.flush()
                if text := line.decode(errors="replace").rstrip():
                    self._lines.append(text[:500])
