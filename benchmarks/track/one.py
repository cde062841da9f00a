"""One measurement of one tracker in a process of its own: `one.py TRACKER burst|paced|count FOLDER STEPS [wait]`.

Prints a JSON object. With `wait` it says `ready` after the last call and waits to be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from trackers import TRACKERS

NAMES = ("loss", "grad_norm", "lr", "tokens", "seconds")
WARM_UP = 50


def main() -> None:
    name, what, folder, num_steps, *waits = sys.argv[1:]
    tracker, path, pause_s = TRACKERS[name], Path(folder), 0.02 if what == "paced" else 0.0
    real = os.fdopen(os.dup(1), "w")
    with contextlib.redirect_stdout(sys.stderr):
        if what == "count":
            told = {"steps": tracker.count(path)}
        else:
            told = measured(tracker, path, int(num_steps), pause_s, bool(waits), real)
    print(json.dumps(told), file=real, flush=True)


def measured(tracker, path: Path, num_steps: int, pause_s: float, waits: bool, real) -> dict[str, float]:
    """Seconds to import, start and finish; microseconds a call; bytes on disk a step; memory at the end."""
    wall, cpu = time.perf_counter(), time.process_time()
    tracker.load(path)
    told = {"import_s": time.perf_counter() - wall, "import_cpu_s": time.process_time() - cpu}
    wall = time.perf_counter()
    run = tracker.start(path)
    told["init_s"] = time.perf_counter() - wall
    values = dict.fromkeys(NAMES, 1.0)
    calls, cpu = [], 0.0
    for step in range(num_steps):
        values["loss"] = 1.0 / (step + 1)
        if step == WARM_UP:
            cpu = time.thread_time()
        start = time.perf_counter_ns()
        run.log(step, values)
        calls.append(time.perf_counter_ns() - start)
        if pause_s:
            time.sleep(pause_s)
    told["cpu_us"] = 1e6 * (time.thread_time() - cpu) / (num_steps - WARM_UP)
    calls = sorted(calls[WARM_UP:])
    told.update(p50_us=calls[len(calls) // 2] / 1e3, p99_us=calls[len(calls) * 99 // 100] / 1e3)
    if waits:
        print("ready", file=real, flush=True)
        sys.stdin.read()
    wall = time.perf_counter()
    run.finish()
    told["finish_s"] = time.perf_counter() - wall
    size = sum(found.stat().st_size for found in path.rglob("*") if found.is_file())
    told["bytes_a_step"] = size / num_steps
    told["rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return told


if __name__ == "__main__":
    main()
