"""Runs for the benchmark of the page: `python benchmarks/page/runs.py FOLDER` makes fifty to compare and a long one."""

from __future__ import annotations

import math
import os
import random
import sys
from pathlib import Path

import whet.track as track

LONG_STEPS, RUNS, METRICS, STEPS = 1_000_000, 50, 20, 2_000


def main(root: Path) -> None:
    os.environ["WHET_RECORD"] = "never"
    rng = random.Random(0)
    for number in range(RUNS):
        with track.init(name=f"one-{number:02}", config={"rate": number / 100, "seed": number % 5}, dir=root) as run:
            for step in range(STEPS):
                values = {
                    f"metric/{m:02}": math.exp(-step / (100 + 30 * number)) + rng.random() / 20 for m in range(METRICS)
                }
                run.log(values, step=step)
    with track.init(name="long", dir=root) as run:
        for step in range(LONG_STEPS):
            run.log({"loss": 1000.0 if step == 618_034 else 2 * math.exp(-step / 2e5) + rng.random() / 10}, step=step)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
