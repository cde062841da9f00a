"""What digests cost a checkpoint: seconds of a save and of a load, with and without them, in turn.

    python benchmarks/dated.py checkpoint-digests -- python benchmarks/checkpoint_digests.py [--folder DIR] [--size MiB]

Seconds of the processor (all threads, the kernel's work too) and of the clock: medians of the repeats, with the least
and the most; the share is that of the medians of the differences of a turn. `cold` loads read from the disk: the files'
pages are dropped from memory before. `torch` is a save without digests and with the CRC32 that torch writes and never
compares.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

import torch

from whet.base import sealed
from whet.base.catalogue import model_source, optimizer, tuner
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.parallel.world import World
from whet.train.checkpoints import checkpoint, tensor_files
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


WAYS = ("without", "with", "torch")


def measure(checkpoints: checkpoint.Checkpoints, folder: Path, repeats: int) -> None:
    times: dict[str, list[tuple[float, float]]] = {}
    for number in range(-1, repeats):  # the first warms up
        for at, way in enumerate(WAYS):
            with way_of(way):
                took = timed(lambda n=4 * number + 10 + at: checkpoints.save(n))
            times.setdefault(f"save {way}", []).append(took)
        for kind in ("warm", "cold"):
            checkpoints.save(4 * number + 13)  # with digests
            for way in WAYS[:2]:
                if kind == "cold":
                    drop(folder)
                with way_of(way):
                    times.setdefault(f"{kind} load {way}", []).append(timed(checkpoints.restore))
    num_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"checkpoint of {num_bytes / 2**20:.0f} MiB in {folder}, {len(os.sched_getaffinity(0))} cores")
    for what in ("save", "warm load", "cold load"):
        for at, unit in enumerate(("processor", "clock")):
            of = {way: [took[at] for took in times.get(f"{what} {way}", [])[1:]] for way in WAYS}
            bare = statistics.median(of["without"])
            share = statistics.median(b - a for a, b in zip(of["without"], of["with"], strict=True)) / bare
            rest = f"   torch {told(of['torch'])}" if of["torch"] else ""
            print(
                f"{what:10} {unit:10} without {told(of['without'])}   with {told(of['with'])}"
                f"   {100 * share:+.1f} %{rest}"
            )


@contextlib.contextmanager
def way_of(way: str) -> Iterator[None]:
    """Digests as they are, or none."""
    kept = {
        (tensor_files, "Hashing"): Unhashed, (tensor_files, "set_crc32_options"): lambda on: None,
        (checkpoint, "blocks_of"): lambda folder: {}, (checkpoint, "described"): named,
    }  # fmt: skip
    if way == "with":
        kept = {}
    elif way == "without":
        kept.pop((tensor_files, "set_crc32_options"))
    before = {place: getattr(*place) for place in kept}
    for (module, name), value in kept.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for (module, name), value in before.items():
            setattr(module, name, value)


class Unhashed:
    """The stream itself, by the names that `Hashing` has."""

    num_bytes, blocks = 0, ""

    def __init__(self, stream: IO[bytes]) -> None:
        self.write, self.tell, self.flush, self.close = stream.write, stream.tell, stream.flush, stream.flush

    def __enter__(self) -> Unhashed:
        return self

    def __exit__(self, *error: object) -> None:
        self.flush()


def named(paths: Iterable[Path]) -> dict[str, dict[str, object]]:
    sealed.sync(paths := list(paths))
    return {path.name: {"bytes": 0, "digest": ""} for path in paths}


def timed(action: Callable[[], object]) -> tuple[float, float]:
    began, before = time.perf_counter(), time.process_time()
    action()
    return time.process_time() - before, time.perf_counter() - began


def drop(folder: Path) -> None:
    """Drop what memory holds of the files."""
    for path in folder.rglob("*.distcp"):
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"


if __name__ == "__main__":
    main()
