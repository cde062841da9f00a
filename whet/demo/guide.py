"""The guide: says what comes, prints the command that does it, runs it in this process, and keeps the time."""

from __future__ import annotations

import io
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import TextIO

from rich.console import Console
from rich.text import Text

from whet.base.errors import RunError
from whet.base.units import duration

RunCommand = Callable[[Sequence[str]], int]


class Guide:
    """Leads through `num_stages` stages within `budget_s` seconds; `run_command` is the command line's own `main`."""

    def __init__(self, run_command: RunCommand, num_stages: int, budget_s: float) -> None:
        self._run, self._num_stages, self._budget_s = run_command, num_stages, budget_s
        self._console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()
        self._stage = 0

    @property
    def spent_s(self) -> float:
        return time.monotonic() - self._began

    @property
    def left_s(self) -> float:
        return self._budget_s - self.spent_s

    def stage(self, title: str) -> None:
        """Begin the next stage."""
        self._stage += 1
        clock = duration(round(self.spent_s)) if self._stage > 1 else "start"
        self._console.print()
        self._console.rule(Text(f"{self._stage}/{self._num_stages}  {title}  ({clock})", style="bold"), align="left")

    def say(self, text: str) -> None:
        self._console.print(Text(text))

    def command(self, *words: object) -> str:
        """Show `whet words...` as one would type it, run it, and return what it printed.

        Raises RunError when it fails; by then it has said why.
        """
        arguments = [str(word) for word in words]
        line = shlex.join(["whet", *arguments])
        self._console.print(Text(f"$ {line}", style="cyan"), soft_wrap=True)
        out = _Tee(sys.stdout)
        with redirect_stdout(out):
            code = self._run(arguments)
        if code != 0:
            raise RunError(f"the demo stops: `{line}` failed", hint=line)
        return out.text()


class _Tee(io.TextIOBase):
    """Passes what is written on, and keeps it."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._kept = out, io.StringIO()

    def write(self, text: str) -> int:
        self._kept.write(text)
        return self._out.write(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()

    def text(self) -> str:
        return self._kept.getvalue()
