"""Runs for the page's tests, made as users make them: `python web/tests/runs.py FOLDER` writes those that are missing.

digits-0 ... digits-5   a sweep of six finished runs with curves of loss, gradient norm, rate and speed
spike                   100,000 steps with a spike of one point, a NaN and marks
failed, killed          what ended badly, and why
talking                 20,000 lines on both streams
odd                     a name and texts that would be markup somewhere else

Those of `material.py` and `trainings.py` are made with them: trainings, some of which go wrong, media, a registry.
"""

from __future__ import annotations

import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import material

import whet.track as track

SPIKE_AT, SPIKE_STEPS, SPIKE = 61_803, 100_000, 97.5


def main(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("WHET_RECORD", "never")
    for number in range(6):
        made(root, f"digits-{number}", lambda run, number=number: sweep(run, number), **about(number))
    made(root, "spike", spike, project="digits", tags=["long"], config={"lr": 0.01, "model": "mlp"})
    if not (root / "b-odd-b-co").exists():  # the name of its folder
        notes = "<script>alert(1)</script>"
        made(root, "<b>odd</b> & co", odd, project="odd", notes=notes, config={"a": "<i>x</i>"})
    failing(root)
    killed(root)
    talking(root)
    material.made(root)


def about(number: int) -> dict:
    """What a run of the sweep says of itself."""
    config = {
        "lr": 0.1 / 2**number,
        "batch": 32,
        "seed": number % 3,
        "optimizer": {"kind": "adamw" if number % 2 else "muon"},
    }
    return {
        "project": "digits",
        "tags": ["sweep", "best"] if number == 2 else ["sweep"],
        "group": f"lr-{number // 2}",
        "config": config,
    }


def made(root: Path, name: str, write, **what) -> None:
    """A run by its name, unless there is one."""
    if (root / name).exists():
        return
    with track.init(dir=str(root), name=name, **what) as run:
        write(run)


def sweep(run, number: int) -> None:
    """A loss that falls at a rate of its own, with noise."""
    noise = random.Random(number)
    for step in range(400):
        loss = 2.3 * math.exp(-step / (60 + 25 * number)) + 0.12 + 0.04 * number + 0.05 * noise.gauss(0, 1)
        run.log(
            {
                "loss": loss, "gradient_norm": 1.5 * math.exp(-step / 200) + abs(0.2 * noise.gauss(0, 1)),
                "lr": about(number)["config"]["lr"] * (1 + math.cos(math.pi * step / 400)) / 2,
                "tokens_per_s": 12_000 + 400 * noise.gauss(0, 1),
                "evaluation/accuracy": 1 - loss / 3, "evaluation/loss": loss * 1.1,
            },
            step=step,
        )  # fmt: skip


def spike(run) -> None:
    """So many points that they are drawn in buckets, with one that must not be lost in them."""
    noise = random.Random(7)
    for step in range(SPIKE_STEPS):
        loss = 2 * math.exp(-step / 30_000) + 0.3 + 0.05 * noise.gauss(0, 1)
        if step == SPIKE_AT:
            loss = SPIKE
        run.log({"loss": math.nan if step == 80_000 else loss, "gradient_norm": loss / 2}, step=step)


def odd(run) -> None:
    """Names that are markup, and a curve that crosses zero."""
    for step in range(50):
        run.log({"<img src=x onerror=alert(1)>": step, "reward": math.sin(step / 5)}, step=step)


def failing(root: Path) -> None:
    """A script that ends with an exception."""
    steps = "for s in range(30): run.log({'loss': 1 / (s + 1)}, step=s)"
    script(root, "failed", f"{steps}\nraise ValueError('shapes (3, 4) and (5, 6) do not fit')")


def killed(root: Path) -> None:
    """A script that is killed."""
    steps = "for s in range(60): run.log({'loss': 2 - s / 60}, step=s)"
    script(root, "killed", f"{steps}\nimport os, signal; os.kill(os.getpid(), signal.SIGKILL)")


def talking(root: Path) -> None:
    """A script that prints more than a page shows at once."""
    program = """
import sys
for line in range(20_000):
    run.log({'loss': 1.0}, step=line // 100) if line % 100 == 0 else None
    text = f'a needle in line {line}' if line in (5_001, 12_001, 19_001) else f'line {line} of 20000'
    print(text)
    if line % 1_000 == 0:
        print(f'warning at {line}', file=sys.stderr)
print('the last line')
run.finish()
"""
    script(root, "talking", program, WHET_RECORD="")


def script(root: Path, name: str, program: str, **variables: str) -> None:
    if (root / name).exists():
        return
    where = f"dir={str(root)!r}, name={name!r}, project='broken', config={{'lr': 0.1}}"
    head = f"import whet.track as track\nrun = track.init({where})\n"
    environment = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", head + program], capture_output=True, text=True, env=environment)
    assert done.returncode in (0, 1, -signal.SIGKILL), done.stderr


if __name__ == "__main__":
    main(Path(sys.argv[1]))
