"""LiveSink: a progress bar with figures that rich redraws in place."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from whet.base.units import duration
from whet.track.records import EvaluationRecord, Notice, Record, RunEnded, StepRecord
from whet.track.terminal.progress import Progress, describe, measured

if TYPE_CHECKING:
    from rich.console import RenderableType

_LEVEL_STYLES = {"warning": "yellow", "alarm": "bold red"}


class LiveSink:
    """Redraws four times a second on a thread of rich's, so a record costs the loop next to nothing.

    rich honours NO_COLOR. What others print meanwhile goes above the bar.
    """

    def __init__(self, name: str, console: Console | None = None) -> None:
        self._name = name
        self._progress = Progress()
        self._started_at = time.monotonic()
        self._console = console or Console(stderr=True)
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=4,
            redirect_stdout=sys.stdout.isatty(),  # piped output must stay in its pipe
        )
        self._live.start()

    def receive(self, record: Record) -> None:
        self._progress.take(record, time.monotonic())
        if not isinstance(record, StepRecord | EvaluationRecord):
            style = _LEVEL_STYLES.get(record.level, "") if isinstance(record, Notice) else ""
            self._console.print(Text(describe(record), style=style))
        if isinstance(record, RunEnded):
            self.close()

    def close(self) -> None:
        if self._live.is_started:
            self._live.stop()

    def _render(self) -> RenderableType:
        progress = self._progress
        left = progress.remaining_s
        spent = duration(round(time.monotonic() - self._started_at))
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            Text(self._name, style="bold"),
            ProgressBar(total=max(1, progress.total), completed=progress.step, width=30),
            f"{progress.step}/{progress.total}",
            spent if left is None else f"{spent}, {duration(left)} left",
        )
        lines: list[RenderableType] = [bar, Text("  ".join(progress.figures()))]
        if progress.evaluation:
            step, scalars = progress.evaluation
            lines.append(Text(f"step {step}  {measured(scalars)}"))
        return Group(*lines)
