"""Memory of a server that has shown long runs: `python -m benchmarks.track.server_memory [--runs 20] [--steps 200000]`.

Runs are written once to a folder, each with ten curves and an event a thousand steps; a server of a process of its own
is asked for what a page asks for, and for every point of a curve. Told is its resident memory (VmRSS, VmHWM).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

from whet.track.logs.event_log import EventLog

_NAMES = ("loss", *(f"curve-{number}" for number in range(9)))
_TOKEN = "a-token-of-the-benchmarks"


def main() -> None:
    """Print a line a stage, and last all of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--steps", type=int, default=200_000)
    parser.add_argument("--long", type=int, default=1_000_000, help="steps of one more run")
    parser.add_argument("--root", type=Path, help="a folder to keep the runs in")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        root = args.root or Path(made)
        names = [f"run-{number}" for number in range(args.runs)]
        for name, steps in [*((name, args.steps) for name in names), ("long", args.long)]:
            if not (root / name).is_dir():
                write(root / name, steps)
        with serving(root) as server:
            told = {"begun": memory(server.pid)}
            for number, name in enumerate(names, 1):
                server.show(name)
                told[f"after {number} runs"] = memory(server.pid)
            server.show("long")
            told["after the long one"] = memory(server.pid)
    for stage, (resident, most) in told.items():
        print(f"{stage:24} {resident:7.0f} MiB, at most {most:7.0f} MiB")
    print(json.dumps(told))


def write(folder: Path, steps: int) -> None:
    """A run of so many steps."""
    log = EventLog(folder / "track")
    for step in range(steps):
        log.row(1e9 + step, step, _NAMES, tuple(step / (step + number + 1) for number in range(len(_NAMES))))
        if step % 1000 == 0:
            log.event("note", step, {"text": "x" * 200})
    log.close("done", "")


class serving:
    """A server of the runs in a folder, in a process of its own."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "whet", "server", "--root", str(root), "--port", "0"],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "WHET_TOKEN": _TOKEN},
        )  # fmt: skip
        assert self._process.stdout is not None
        self._address = self._process.stdout.readline().strip().rstrip("/")
        self.pid = self._process.pid

    def __enter__(self) -> serving:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()

    def show(self, run: str) -> None:
        """Ask for what a page of a run asks for, and for all points of a curve."""
        for route in self._routes(run):
            self._get(f"/api/v1/runs/{run}{route}")

    def _routes(self, run: str) -> Iterator[str]:
        cursor = quote(json.dumps(self._get(f"/api/v1/runs/{run}")["cursor"]))
        yield "/curves?most=1000&" + "&".join(f"names={name}" for name in _NAMES)
        yield "/curves?names=loss&start=5000&end=5400"
        yield "/marks"
        yield "/events?limit=100"
        yield f"/since?cursor={cursor}"
        yield "/points?name=loss&limit=100000"

    def _get(self, path: str) -> dict:
        with urlopen(Request(self._address + path, headers={"Authorization": f"Bearer {_TOKEN}"})) as answer:
            return json.load(answer)


def memory(pid: int) -> tuple[float, float]:
    """MiB that a process has resident, and the most that it had."""
    text = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"{name}:\s+(\d+)", text)[1]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[index,return-value]


if __name__ == "__main__":
    main()
