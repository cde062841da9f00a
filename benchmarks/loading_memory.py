"""What loading a model takes on ranks that share it: memory of all of them together, and of the one that takes most.

    python benchmarks/dated.py loading-memory -- python benchmarks/loading_memory.py [--ranks 4] [--width 512]

A llama is stored, sharded over ranks of gloo on this machine, and filled in each of the ways that values come: read
from files by every rank, read beside an adapter that one rank draws, and drawn by one rank. Figures are anonymous
memory (RssAnon, sampled every 2 ms) above what each rank has before it is filled; `copies` are those of the model's
weights. One copy is what the ranks hold when they are done.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "read": ("full", {}), "read beside an adapter": ("lora", {"rank": 8}), "drawn": ("full", {}),
}  # fmt: skip
SAMPLE_S = 0.002
MIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    args = parser.parse_args()
    init = {
        "model_type": "llama", "hidden_size": args.width, "intermediate_size": 3 * args.width, "vocab_size": 8192,
        "num_hidden_layers": args.layers, "num_attention_heads": args.width // 64, "tie_word_embeddings": False,
    }  # fmt: skip
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        weights = _apart(_store, init, folder)
        print(f"{weights / MIB:.0f} MiB of weights, {args.ranks} ranks")
        for way in args.ways:
            total, most, after = measured(way, init, folder, args.ranks)
            print(
                f"{way:24} all ranks {total / MIB:6.0f} MiB at most ({total / weights:.2f} copies), "
                f"one rank {most / MIB:6.0f} MiB ({most / weights:.2f}), all when done {after / weights:.2f}"
            )
    finally:
        shutil.rmtree(folder)


def measured(way: str, init: dict[str, Any], folder: Path, ranks: int) -> tuple[int, int, int]:
    """Bytes above those before: of all ranks at their peak, of the rank that takes most, and of all when it is done."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(ranks + 1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    work = [
        context.Process(target=_rank, args=(rank, ranks, port, way, init, folder, barrier)) for rank in range(ranks)
    ]
    for one in work:
        one.start()
    barrier.wait()
    before = [_anonymous(one.pid) for one in work]
    barrier.wait()
    total = 0
    most = [0] * ranks
    while barrier.n_waiting < ranks:
        now = [_anonymous(one.pid) - start for one, start in zip(work, before, strict=True)]
        total, most = max(total, sum(now)), [max(pair) for pair in zip(most, now, strict=True)]
        time.sleep(SAMPLE_S)
    after = sum(_anonymous(one.pid) - start for one, start in zip(work, before, strict=True))
    barrier.wait()
    for one in work:
        one.join()
    return max(total, after), max(most), after


def _rank(rank: int, ranks: int, port: int, way: str, init: dict[str, Any], folder: Path, barrier: Barrier) -> None:
    os.environ |= {
        "RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    from whet.base.catalogue import model_source, tuner
    from whet.base.parallel import Parallel
    from whet.models.loading.context import BuildContext
    from whet.models.probing.probes import Verdict
    from whet.parallel.fill import fill
    from whet.parallel.shard import shard
    from whet.parallel.world import World

    world = World.start("cpu", 300)
    kind, settings = WAYS[way]
    made = tuner.get(kind)
    context = BuildContext(tuner=made.build(**made.settings(**settings).values()), verdict=Verdict(True, "chunked", ()))
    source = {"init": init} if way == "drawn" else {"path": str(folder)}
    model = model_source.get("hf").build(context, **source)
    shard(model, world, Parallel(), ("whet_run",))
    world.wait()
    barrier.wait()  # every rank is ready
    barrier.wait()  # and has been looked at
    model = fill(model, world)
    barrier.wait()
    world.close()


def _store(init: dict[str, Any], folder: Path) -> int:
    from transformers import AutoConfig, AutoModelForCausalLM

    from tests.tiny import tokenizer

    config = AutoConfig.for_model(**init)
    model = AutoModelForCausalLM.from_config(config)
    model.save_pretrained(folder)
    tokenizer(folder)
    return sum(parameter.nbytes for parameter in model.parameters())


def _apart(work: Any, *arguments: Any) -> Any:
    """The result of a function in a process of its own, whose memory nobody inherits."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _anonymous(pid: int | None) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
