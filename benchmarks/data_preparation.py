"""Rows a second from alpaca rows to packed token blocks: whet beside TRL, on all of alpaca_en_demo.json.

    python benchmarks/data_preparation.py --rival-python .venv-rival/bin/python

Each measurement is a fresh process with an empty cache; the clock runs over tokenising, masking and packing, not
over imports or reading the file. TRL runs with one process and with two, and the faster counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = {
    "whet": "{python} {here}/sft/tokenise_whet.py {folder}",
    "trl, 1 process": "{rival} {here}/sft/tokenise_trl.py {folder} --processes 1",
    "trl, 2 processes": "{rival} {here}/sft/tokenise_trl.py {folder} --processes 2",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival-python", required=True, help="a python that has trl")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tools", nargs="*", default=list(TOOLS), choices=list(TOOLS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        places = {"python": sys.executable, "rival": arguments.rival_python, "here": str(HERE), "folder": folder}
        run([sys.executable, f"{HERE}/sft/prepare.py", folder, "--data", str(arguments.data), "--rows", "0"], folder)
        rounds = [{name: measure(name, places) for name in arguments.tools} for _ in range(arguments.rounds)]
    print_summary(rounds)


def measure(name: str, places: dict[str, str]) -> dict[str, float]:
    command = TOOLS[name].format(**places).split()
    with tempfile.TemporaryDirectory() as cache:
        result = json.loads(run(command, cache))
    print(f"{name:<18} {result['rows'] / result['seconds']:>8.0f} rows/s  {result['blocks']} blocks", flush=True)
    return result


def run(command: list[str], cache: str) -> str:
    """The last line a worker prints; its caches lie in `cache`."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": cache, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip().splitlines()[-1]


def print_summary(rounds: list[dict[str, dict[str, float]]]) -> None:
    speeds = {name: [r[name]["rows"] / r[name]["seconds"] for r in rounds] for name in rounds[0]}
    print(f"\nmedian of {len(rounds)} rounds (lowest to highest)")
    for name, values in speeds.items():
        print(f"{name:<18} {statistics.median(values):.0f} ({min(values):.0f} to {max(values):.0f}) rows/s")
    rivals = [name for name in speeds if name.startswith("trl")]
    if "whet" in speeds and rivals:
        fastest = max(rivals, key=lambda name: statistics.median(speeds[name]))
        ratios = [mine / theirs for mine, theirs in zip(speeds["whet"], speeds[fastest], strict=True)]
        print(f"whet / {fastest}: x {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
