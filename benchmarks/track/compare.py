"""What tracking costs: whet.track beside wandb and swanlab offline, mlflow, tensorboard and trackio, as installed.

    python benchmarks/track/compare.py [--steps 20000] [--turns 3] [--only whet]

One call logs 5 numbers of one step. Each measurement is a process of its own, trackers take turns, and what is shown
is the median over turns. Then each is killed with SIGKILL, alone and with its whole tree of processes, after a burst
and at 20 ms a step, and what is left is counted. Last, what only ours is asked: the first curve of a run of 1,000,000
steps, and 1,000 runs listed and filtered.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from trackers import TRACKERS

HERE = Path(__file__).resolve().parent
COLUMNS = {
    "import s": "import_s", "CPU": "import_cpu_s", "init s": "init_s", "p50 us": "p50_us", "p99 us": "p99_us",
    "CPU us": "cpu_us", "finish s": "finish_s", "bytes/step": "bytes_a_step", "RSS MB": "rss_mb",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--slow-steps", type=int, default=1_000, help="steps of mlflow, whose calls are slow")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(TRACKERS))
    parser.add_argument("--million", type=int, default=1_000_000, help="steps of the run whose first curve is read")
    parser.add_argument("--runs", type=int, default=1_000, help="runs that are listed")
    args = parser.parse_args()
    found = {name: TRACKERS[name] for name in args.only if is_there(name)}
    cores = len(os.sched_getaffinity(0))
    print(f"{date.today()}  {args.steps} calls of 5 numbers, {args.turns} turns, Python {platform.python_version()},")
    print(f"{cores} cores, load {os.getloadavg()[0]:.2g}, {platform.machine()}; medians\n")
    steps = {name: args.slow_steps if name.startswith("mlflow") else args.steps for name in found}
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in found}
    for _ in range(args.turns):
        for name in found:
            turns[name].append(burst(name, steps[name]))
    print(f"{'':22}" + "".join(f"{title:>12}" for title in COLUMNS))
    for name, rows in turns.items():
        cells = [statistics.median(row[key] for row in rows) for key in COLUMNS.values()]
        print(f"{name:22}" + "".join(f"{cell:12.4g}" for cell in cells))
    print(f"\n{'left after SIGKILL':22}{'process':>14}{'tree':>14}{'tree, paced':>16}")
    for name in found:
        whole = steps[name]
        left = [
            killed(name, "burst", whole, is_tree=False),
            killed(name, "burst", whole, is_tree=True),
            killed(name, "paced", 500, is_tree=True),
        ]
        cells = [f"{count}/{of}" for count, of in zip(left, (whole, whole, 500), strict=True)]
        print(f"{name:22}{cells[0]:>14}{cells[1]:>14}{cells[2]:>16}")
    if "whet" in found:
        reading(args.million, args.runs)


def is_there(name: str) -> bool:
    """Whether a tracker can be measured; otherwise a sentence says why not."""
    packages = TRACKERS[name].packages
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    if missing:
        print(f"{name} is left out: `pip install {' '.join(missing)}` adds its row")
        return False
    try:
        print(f"{name}: {packages[0]} {version(packages[0])}")
    except PackageNotFoundError:
        print(f"{name}: from the source tree")
    return True


def burst(name: str, num_steps: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command(name, "burst", folder, num_steps), stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])


def killed(name: str, what: str, num_steps: int, is_tree: bool) -> str:
    """Steps left on disk once the process, or its session, was killed right after the last call."""
    with tempfile.TemporaryDirectory() as folder:
        line = [*command(name, what, folder, num_steps), "wait"]
        writer = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        while "ready" not in (said := writer.stdout.readline()):
            if not said:
                return "failed"
        (os.killpg if is_tree else os.kill)(writer.pid, signal.SIGKILL)
        writer.wait()
        time.sleep(2)  # what survives of it may go on writing
        try:
            done = subprocess.run(
                command(name, "count", folder, 0),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                stderr=subprocess.DEVNULL,
            )
        except subprocess.CalledProcessError:
            return "?"
        return str(json.loads(done.stdout.splitlines()[-1])["steps"])


def command(name: str, what: str, folder: str, num_steps: int) -> list[str]:
    return [sys.executable, str(HERE / "one.py"), name, what, folder, str(num_steps)]


def reading(million: int, num_runs: int) -> None:
    """The first curve of a long run, without and with its index, and the listing of many runs."""
    import whet.track as track
    from whet.track.logs.event_log import EventLog
    from whet.track.reading.catalogue import runs
    from whet.track.reading.store import history

    folder = Path(tempfile.mkdtemp())
    try:
        log = EventLog(folder / "long" / "track")
        for step in range(million):
            log.scalars(step, {"loss": 1 / (step + 1), "lr": 0.1, "a": 1.0, "b": 2.0, "c": 3.0})
        log.close("done", "")
        print()
        history(folder).names()  # imports
        for title in ("read for the first time", "by its index", "by its index"):
            wall, cpu = time.perf_counter(), time.process_time()
            history(folder / "long").curve("loss", 2000)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"first curve of {million} steps, {title}: {wall:.4f} s, CPU {cpu:.4f} s")
        for number in range(num_runs):
            with track.init("bench", id=f"run-{number}", dir=folder / "many", config={"lr": number}) as run:
                for step in range(20):
                    run.log({"loss": number / (step + 1), "lr": 0.1})
        for title in ("for the first time", "again", "again"):
            wall, cpu = time.perf_counter(), time.process_time()
            kept = [run for run in runs(folder / "many") if run.loss is not None and run.loss < 20]
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{num_runs} runs listed and filtered ({len(kept)} left) {title}: {wall:.4f} s, CPU {cpu:.4f} s")
            time.sleep(2.5)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
