"""Runs for the benchmark of the page: `python benchmarks/page/runs.py FOLDER` makes fifty to compare and a long one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import curves

import whet.track as track

LONG_STEPS, RUNS, METRICS, STEPS = 1_000_000, 50, 20, 2_000


def main(root: Path, runs: int = RUNS, metrics: int = METRICS, steps: int = STEPS, long: int = LONG_STEPS) -> None:
    os.environ["WHET_RECORD"] = "never"
    for number, (name, values) in enumerate(curves.compared(runs, metrics, steps)):
        _write(root, name, values, {"rate": number / 100, "seed": number % 5})
    _write(root, "long", curves.long(long), {})


def _write(root: Path, name: str, rows: Iterator[Mapping[str, float]], config: dict[str, float]) -> None:
    with track.init(name=name, config=config, dir=root) as run:
        for step, values in enumerate(rows):
            run.log(values, step=step)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
