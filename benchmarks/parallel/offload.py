"""What it costs to keep less on the device: steps with recomputation and offload beside steps without, turn by turn.

    python benchmarks/dated.py offload -- python benchmarks/parallel/offload.py [--device cuda] [--width 512]

All train the same llama, drawn with one seed, with AdamW on one row of `--tokens` a step. Told are the median of a
step's seconds and of its seconds of processor, the median of their ratios to the plain step of the same turn with its
quartiles, the most bytes that lay elsewhere, and on a GPU the most that were allocated. On a CPU what leaves goes to a
file under TMPDIR, which should not lie in memory; ratios of a GPU say how much of the copies runs beside the step.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from whet.base.catalogue import model_source, objective, optimizer, tuner
from whet.contracts.batch import Batch, Segment, Stream
from whet.contracts.model import Models
from whet.kernels.float8 import RECIPES
from whet.kernels.host_memory import HostMemory, host_memory
from whet.models.forward.activation_checkpointing import Checkpointing, apply_checkpointing
from whet.models.forward.activation_offload import ActivationOffload
from whet.models.forward.products import install
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.optim.adapted import adapted
from whet.optim.groups import ParamGroups
from whet.optim.state_offload import StateOffload
from whet.parallel.world import World
from whet.train.step.executor import DataParallel


@dataclass(frozen=True)
class Way:
    """What is recomputed, whether activations leave, the share of state that does, and a recipe of float8."""

    recompute: str = "none"
    leaves: bool = False
    share: float = 0.0
    fp8: str | None = None


WAYS = {
    "plain": Way(), "selective": Way("selective"), "full": Way("full"), "activations": Way(leaves=True),
    "full, activations": Way("full", True), "half the state": Way(share=0.5), "state": Way(share=1.0),
    "all": Way("full", True, 1.0), "float8": Way(fp8="tensorwise"),
}  # fmt: skip


@dataclass
class Runner:
    """Steps of one way, and the memories that it uses."""

    step: Callable[[int], Any]
    memories: list[HostMemory]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=10)
    args = parser.parse_args()
    device = torch.device(args.device)
    runners = {name: runner(way, device, args) for name, way in WAYS.items()}
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in runners}
    for turn in range(-2, args.turns):
        names = list(runners) if turn % 2 else list(runners)[::-1]
        for name in names:
            took = timed(runners[name], turn + 2, device)
            if turn >= 0:
                found[name].append(took)
    print(f"llama of {args.layers} layers of {args.width}, {args.tokens} tokens a step, {args.turns} turns, {device}")
    for name, took in found.items():
        print(line(name, took, found["plain"], sum(one.peak_bytes for one in runners[name].memories)))


def runner(way: Way, device: torch.device, args: argparse.Namespace) -> Runner:
    init = {
        "model_type": "llama", "hidden_size": args.width, "intermediate_size": 3 * args.width, "vocab_size": 8192,
        "num_hidden_layers": args.layers, "num_attention_heads": args.width // 64, "tie_word_embeddings": False,
        "num_key_value_heads": args.width // 64, "max_position_embeddings": 2 * args.tokens,
    }  # fmt: skip
    loaded = model_source.get("hf").build(BuildContext(seed=0, tuner=tuner.get("full").build()), init=init)
    memories = [host_memory(device) for _ in range(way.leaves + (way.share > 0))]
    if way.fp8:
        install(loaded, RECIPES[way.fp8])
    apply_checkpointing(loaded, Checkpointing(way.recompute, 1, ActivationOffload(memories[0]) if way.leaves else None))
    loaded = filled(loaded, device)
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles)))
    if way.share:
        update = StateOffload(update, memories[-1], way.share)
    autocast = torch.bfloat16 if device.type == "cuda" else None
    world = World(device)
    train = DataParallel(
        world, Models(loaded.model), objective.get("sft").build(), update, loaded.module, 0, 1.0, autocast
    )

    def step(index: int) -> Any:
        batches = [row(args.tokens, index)]
        weights, _ = train.weigh(batches, {})
        return train.step(index, batches, weights, 1.0)

    return Runner(step, memories)


def row(tokens: int, index: int) -> Batch:
    ids = torch.randint(1, 8192, (tokens,), generator=torch.Generator().manual_seed(index))
    weights = torch.ones(tokens)
    weights[-1] = 0
    stream = Stream(ids, torch.arange(tokens), (Segment(0, tokens),), torch.roll(ids, -1), weights)
    return Batch({"text": stream}, 1, {"weight": torch.ones(1)})


def timed(one: Runner, index: int, device: torch.device) -> tuple[float, float, int]:
    """Seconds, seconds of processor, and on a GPU the most bytes that were allocated."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    wall, processor = time.perf_counter(), time.process_time()
    one.step(index)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    most = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return time.perf_counter() - wall, time.process_time() - processor, most


def line(name: str, took: list[tuple[float, float, int]], plain: list[tuple[float, float, int]], away: int) -> str:
    wall, processor, most = zip(*took, strict=True)
    ratios = statistics.quantiles([one[0] / other[0] for one, other in zip(took, plain, strict=True)], n=4)
    shares = statistics.median([one[1] / other[1] for one, other in zip(took, plain, strict=True)])
    peak = f", peak {max(most) / 2**20:.0f} MiB" if max(most) else ""
    return (
        f"{name:18} {statistics.median(wall):.4f} s, ratio {ratios[1]:.3f} ({ratios[0]:.3f} to {ratios[2]:.3f}); "
        f"processor {statistics.median(processor):.4f} s, ratio {shares:.3f}; elsewhere {away / 2**20:.1f} MiB{peak}"
    )


if __name__ == "__main__":
    main()
