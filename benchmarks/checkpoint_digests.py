"""What digests cost a checkpoint: seconds of a save and of a load, with and without them, in turn.

    python benchmarks/dated.py checkpoint-digests -- python benchmarks/checkpoint_digests.py [--folder DIR] [--size MiB]

`cold` loads read from the disk: the files' pages are dropped from memory before. Each figure is the median of the
repeats, with the least and the most; the share is that of the medians.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from whet.base import sealed
from whet.base.catalogue import model_source, optimizer, tuner
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.world import World
from whet.train.checkpoints import checkpoint
from whet.train.checkpoints.optimizer_state import NamedOptimizer
from whet.train.run.progress import Progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--size", type=int, default=400, help="MiB of the checkpoint")
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        measure(checkpoints_of(folder, args.size), folder, args.repeats)
    finally:
        shutil.rmtree(folder)


def checkpoints_of(folder: Path, size: int) -> checkpoint.Checkpoints:
    """Of a perceptron with AdamW, whose state is three times the weights."""
    width = int((size * 2**20 / 12 / 2) ** 0.5)
    context = BuildContext(tuner=tuner.get("full").build())
    loaded = filled(model_source.get("mlp").build(context, features=width, classes=2, hidden=(width, width)))
    groups = ParamGroups.of(loaded.module, loaded.roles)
    stepping = adapted(optimizer.get("adamw").build(groups, lr=0.1))
    for parameter in loaded.module.parameters():
        parameter.grad = torch.randn_like(parameter)
    stepping.step()
    named = NamedOptimizer(stepping, groups.names())
    world = World(torch.device("cpu"))
    return checkpoint.Checkpoints(folder, loaded.module, named, {"progress": Progress()}, world, keep=1)


def measure(checkpoints: checkpoint.Checkpoints, folder: Path, repeats: int) -> None:
    described, changed = checkpoint.described, checkpoint.changed
    empty = {"bytes": 0, "digest": ""}

    def without(paths):
        sealed._sync(paths := list(paths))
        return {path.name: empty for path in paths}

    times: dict[str, list[float]] = {}
    for number in range(-1, repeats):  # the first warms up
        for name, how in (("without", without), ("with", described)):
            checkpoint.described = how
            took = timed(lambda n=2 * number + 10 + (name == "with"): checkpoints.save(n))
            times.setdefault(f"save {name}", []).append(took)
        for kind in ("warm", "cold"):
            for name, how in (("without", lambda folder, names: None), ("with", changed)):
                checkpoint.changed = how
                if kind == "cold":
                    drop(folder)
                times.setdefault(f"{kind} load {name}", []).append(timed(checkpoints.restore))
    num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"checkpoint of {num_bytes / 2**20:.0f} MiB in {folder}, {len(os.sched_getaffinity(0))} cores")
    for kind in ("save", "warm load", "cold load"):
        bare, hashed = (sorted(times[f"{kind} {name}"][1:]) for name in ("without", "with"))
        ratio = statistics.median(hashed) / statistics.median(bare) - 1
        print(f"{kind:10} without {told(bare)}   with {told(hashed)}   {100 * ratio:+.1f} %")


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def drop(folder: Path) -> None:
    """Drop what memory holds of the files."""
    for path in folder.rglob("*.distcp"):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} s ({seconds[0]:.3f} to {seconds[-1]:.3f})"


if __name__ == "__main__":
    main()
