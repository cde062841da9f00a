"""How long training stands still for a checkpoint: written at once, and beside it.

    python benchmarks/dated.py checkpoint-stall -- python benchmarks/parallel/checkpoint_stall.py [--mib 600]

An MLP with AdamW, whose weights and state take `--mib` together, is saved in turn in both ways, with a few steps in
between until what is written beside is on the disk. `stall` is what the loop waits: the whole of `save`, or the copy
that `begin` makes with what `settle` still waits for at the end of those steps (nothing, once it has written). Also
told is what a step takes alone, and while a checkpoint is written beside it. Medians of `--turns`, with the extremes.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=600)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        _measure(folder, args)
    finally:
        shutil.rmtree(folder)


def _measure(folder: Path, args: argparse.Namespace) -> None:
    import torch

    from whet.base.catalogue import model_source, optimizer, tuner
    from whet.models.loading.context import BuildContext
    from whet.models.loading.fill import filled
    from whet.optim.adapted import adapted
    from whet.optim.groups import ParamGroups
    from whet.parallel.world import World
    from whet.train.checkpoints.checkpoint import Checkpoints
    from whet.train.checkpoints.optimizer_state import NamedOptimizer
    from whet.train.run.progress import Progress

    torch.set_num_threads(args.threads)
    width = int((args.mib * 2**20 / 12 / 8) ** 0.5)  # eight square matrices, with two moments each, in float32
    context = BuildContext(tuner=tuner.get("full").build())
    loaded = filled(model_source.get("mlp").build(context, features=width, classes=width, hidden=(width,) * 7))
    groups = ParamGroups.of(loaded.module, loaded.roles)
    update, progress = adapted(optimizer.get("adamw").build(groups, lr=1e-4)), Progress()
    named = NamedOptimizer(update, groups.names())
    checkpoints = Checkpoints(folder, loaded.module, named, {"progress": progress}, World(torch.device("cpu")), 2)
    features = torch.randn(64, width)

    def learn() -> float:
        began = time.perf_counter()
        loaded.module.whet_run(features)["logits"].square().mean().backward()
        update.step()
        update.zero_grad()
        progress.step += 1
        return time.perf_counter() - began

    for _ in range(2):
        learn()
    checkpoints.begin(progress.step)  # asks the system for the memory of the copy
    checkpoints.settle()
    times: dict[str, list[float]] = {
        name: [] for name in ("save", "stall beside", "step alone", "step while one is written")
    }
    for _ in range(args.turns):
        times["step alone"] += [learn() for _ in range(3)]
        began = time.perf_counter()
        checkpoints.save(progress.step)
        times["save"].append(time.perf_counter() - began)
        times["step alone"].append(learn())
        began = time.perf_counter()
        checkpoints.begin(progress.step)
        stall = time.perf_counter() - began
        while not checkpoints.has_written:
            times["step while one is written"].append(learn())
        began = time.perf_counter()
        checkpoints.settle()
        times["stall beside"].append(stall + time.perf_counter() - began)
    held = sum(p.nbytes for p in loaded.module.parameters())
    print(f"{held * 3 / 2**20:.0f} MiB of weights and moments, {args.threads} threads, on {folder.parent}")
    for name, seconds in times.items():
        if seconds:
            spread = f"{min(seconds):.4f} to {max(seconds):.4f}, {len(seconds)} times"
            print(f"{name:26} {statistics.median(seconds):.4f} s ({spread})")
    share = statistics.median(times["stall beside"]) / statistics.median(times["save"])
    print(f"beside, training stands still for {share:.1%} of what it does otherwise (asked: at most 10 %)")


if __name__ == "__main__":
    main()
