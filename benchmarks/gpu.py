"""Every check and benchmark that needs a GPU, in at most 8 minutes: `tests/gpu`, then `benchmarks/**/gpu_*.py`.

Needs only torch, transformers, peft, triton and pytest; nothing is installed and nothing is fetched.
Writes benchmarks/results/<date>-gpu.txt. Without a GPU it says so and exits with 0.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
BUDGET_S = 480


def main() -> None:
    if not torch.cuda.is_available():
        print("no GPU: torch.cuda.is_available() is False, so nothing was checked or measured")
        return
    if "--inside" not in sys.argv:
        from dated import record

        sys.exit(record("gpu", [sys.executable, __file__, "--inside"]))
    sys.exit(run_all(time.monotonic() + BUDGET_S))


def run_all(deadline: float) -> int:
    """Run each command with what is left of the budget; return 1 if one failed or found no time."""
    tests = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", "tests/gpu"]
    scripts = sorted((ROOT / "benchmarks").rglob("gpu_*.py"))
    outcomes = {"tests/gpu": run(tests, deadline) if (ROOT / "tests/gpu").is_dir() else "there are none"}
    outcomes |= {script.stem: run([sys.executable, str(script)], deadline) for script in scripts}
    print("\n" + "\n".join(f"{name:<32} {outcome}" for name, outcome in outcomes.items()))
    return int(any(outcome.startswith("FAILED") for outcome in outcomes.values()))


def run(command: list[str], deadline: float) -> str:
    """The command's outcome in words; it is killed at the deadline."""
    print(f"\n$ {' '.join(command[1:])}", flush=True)
    started = time.monotonic()
    if started >= deadline:
        return "FAILED: the budget of 8 minutes was spent before it"
    try:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        code = subprocess.run(
            command, cwd=ROOT, timeout=deadline - started, env={**os.environ, "PYTHONPATH": path}
        ).returncode
    except subprocess.TimeoutExpired:
        return "FAILED: killed when the budget of 8 minutes was spent"
    seconds = f"{time.monotonic() - started:.0f} s"
    return f"passed, {seconds}" if code == 0 else f"FAILED with exit code {code}, {seconds}"


if __name__ == "__main__":
    main()
