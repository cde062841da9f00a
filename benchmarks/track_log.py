"""What a logging call costs: EventLog beside a SQLite commit a call and, where installed, TensorBoard.

    python benchmarks/track_log.py

One call logs 5 scalars of one step. The writers take turns; each turn writes a new file. Printed are
the median over turns with the lowest and highest: wall time and CPU time of the calling thread a call,
bytes a step on disk after closing, and the seconds to read all curves back (ours and SQLite's).
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from whet.track.event_log import EventLog
from whet.track.quantities import figure
from whet.track.read import History

NAMES = ("loss", "grad_norm", "lr", "tokens", "seconds")
Write = Callable[[int, dict[str, float]], None]


@contextmanager
def ours(folder: Path) -> Iterator[Write]:
    log = EventLog(folder)
    yield log.scalars
    log.close("done", "")


@contextmanager
def sqlite(folder: Path) -> Iterator[Write]:
    connection = sqlite3.connect(folder / "log.sqlite")
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=normal")
    connection.execute("create table scalars (name text, step integer, time real, value real)")

    def write(step: int, values: dict[str, float]) -> None:
        now = time.time()
        with connection:
            rows = [(name, step, now, value) for name, value in values.items()]
            connection.executemany("insert into scalars values (?, ?, ?, ?)", rows)

    yield write
    connection.close()


@contextmanager
def tensorboard(folder: Path) -> Iterator[Write]:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder))

    def write(step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)

    yield write
    writer.close()


def read_ours(folder: Path) -> int:
    history = History(folder)
    return sum(len(history.scalar(name)[0]) for name in NAMES)


def read_sqlite(folder: Path) -> int:
    connection = sqlite3.connect(folder / "log.sqlite")
    query = "select step, value from scalars where name = ? order by step"
    return sum(len(connection.execute(query, (name,)).fetchall()) for name in NAMES)


READERS = {"EventLog": read_ours, "SQLite WAL, commit a call": read_sqlite}


def writers() -> dict[str, Callable]:
    found = {"EventLog": ours, "SQLite WAL, commit a call": sqlite}
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except ImportError:
        print("tensorboard is not installed: `pip install tensorboard` adds its row", file=sys.stderr)
    else:
        found["SummaryWriter"] = tensorboard
    return found


def turn(name: str, writer: Callable, num_steps: int) -> tuple[float, float, float, float]:
    """Wall and CPU microseconds a call, bytes a step, and seconds to read it back."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with writer(folder) as write:
            values = dict.fromkeys(NAMES, 1.0)
            for step in range(100):  # warm-up
                write(step, values)
            wall, cpu = time.perf_counter(), time.thread_time()
            for step in range(100, num_steps + 100):
                values["loss"] = 1.0 / step
                write(step, values)
            wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        started = time.perf_counter()
        if name in READERS and READERS[name](folder) != len(NAMES) * (num_steps + 100):
            raise RuntimeError(f"{name} lost points")
        reading = time.perf_counter() - started if name in READERS else float("nan")
    return 1e6 * wall / num_steps, 1e6 * cpu / num_steps, size / (num_steps + 100), reading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    found = writers()
    turns: dict[str, list[tuple[float, ...]]] = {name: [] for name in found}
    for _ in range(args.turns):
        for name, writer in found.items():
            turns[name].append(turn(name, writer, args.steps))
    load = os.getloadavg()[0]
    print(f"{date.today()}  {args.steps} calls of 5 scalars, {args.turns} turns, Python {platform.python_version()},")
    print(f"{os.cpu_count()} cores, load {load:.2g}, {platform.machine()}; median (lowest to highest)")
    print(f"{'':26}{'wall us/call':>26}{'CPU us/call':>26}{'bytes/step':>12}{'read s':>10}")
    for name, rows in turns.items():
        wall, cpu, size, reading = zip(*rows, strict=True)
        print(f"{name:26}{_spread(wall):>26}{_spread(cpu):>26}{figure(statistics.median(size)):>12}", end="")
        print(f"{figure(statistics.median(reading)):>10}")


def _spread(values: tuple[float, ...]) -> str:
    return f"{figure(statistics.median(values))} ({figure(min(values))} to {figure(max(values))})"


if __name__ == "__main__":
    main()
