"""Law 7 on a CPU: memory that is foreseen beside memory that real steps take, and what other estimators say.

    python benchmarks/dated.py plan-peaks -- python benchmarks/plan/peaks.py [NAME ...]

Each row is one configuration of `rows.py`. Measured is the peak of RssAnon over two steps of two micro-batches in a
process of its own, above what it was before the model was built and after a small model of the same kind had taken a
step, so that libraries are loaded. Foreseen are the bytes of `whet.train.foreseen`, alone. glibc has one arena and maps
blocks from 64 KiB on, so freed memory goes back; what a heap that is kept wastes is not part of the figure.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

from process import foresee
from rivals import RIVALS, Facts
from rows import ROWS, Row

MIB = 2**20
GATE = 0.05
ALLOCATOR = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "131072"}


def main() -> None:
    wanted = sys.argv[1:]
    rows = [row for row in ROWS if not wanted or any(word in row.name for word in wanted)]
    print(f"{'':24}{'saved MiB':>11}{'':>7}{'measured':>10}{'foreseen':>10}{'error':>8}   {'peak in':22}", end="")
    print("".join(f"{name:>14}" for name in RIVALS), flush=True)
    misses = 0
    with measuring() as measured:
        for row in rows:
            misses += not shown(row, measured)
    print(f"\n{len(rows) - misses} of {len(rows)} rows within {GATE:.0%}, saved bytes equal")


def shown(row: Row, measured: Callable[[Row], dict[str, Any]]) -> bool:
    """Print the row; whether it holds."""
    try:
        told, found = foresee(row), measured(row)
    except Exception as error:  # a row that cannot be foreseen, or taken, is a miss like any other
        print(f"{row.name:24}{type(error).__name__}: {error}".splitlines()[0], flush=True)
        return False
    peak, real = told["peak"], found["peak"]
    error = peak / real - 1
    is_equal = told["saved"] == found["saved"]
    beside = "=" if is_equal else f"{told['saved'] / max(found['saved'], 1) - 1:+.1%}"
    saved = f"{found['saved'] / MIB:>11.2f}{beside:>7}"
    others = "".join(f"{rule(Facts(**told['facts'])) / real - 1:>+14.0%}" for rule in RIVALS.values())
    line = f"{row.name:24}{saved}{real / MIB:>10.1f}{peak / MIB:>10.1f}{error:>+8.1%}   {told['moment']:22}{others}"
    print(line, flush=True)
    return is_equal and abs(error) <= GATE


@contextmanager
def measuring() -> Iterator[Callable[[Row], dict[str, Any]]]:
    """What finds what a row takes, in a process of its own that is forked from one in which libraries are loaded."""
    command = [sys.executable, str(Path(__file__).with_name("process.py"))]
    environment = {**os.environ, **ALLOCATOR}
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True, env=environment) as process:

        def measured(row: Row) -> dict[str, Any]:
            process.stdin.write(f"{row.name}\n")
            process.stdin.flush()
            found = json.loads(process.stdout.readline() or '{"error": "its process ended"}')
            if "error" in found:
                raise RuntimeError(found["error"])
            return found

        yield measured


if __name__ == "__main__":
    main()
