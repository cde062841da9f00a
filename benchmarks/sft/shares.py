"""Where a step of fine-tuning goes: its share of the matrix rate, and its seconds by what the operators are for.

    python benchmarks/sft/shares.py --sizes 21m 110m --micro 1024

One process a size and precision, on two threads: a step to warm up, steps whose best counts for the rate, and one under
torch's profiler. Products are those of matrices (of the layers, and of the head, which has the vocabulary's dimension),
and each shape of them is measured again alone: what the machine does of the same product when nothing is beside it.
The rate is that of `rate.py`, the products that count those of `prepare.py`, as in `compare.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from setting import MODELS, NUM_ROWS, VOCAB_SIZE

HERE = Path(__file__).resolve().parent
THREADS = 2
PRODUCTS = ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm", "mkldnn::_linear_pointwise", "aten::mkldnn_linear")
ATTENTION = ("scaled_dot_product", "flash_attention", "efficient_attention")
LOOKUPS = ("embedding", "index_select", "aten::gather", "aten::scatter", "index_put", "index_add", "aten::index")
REPEATS = 5


def main() -> None:
    arguments = parse_arguments()
    if arguments.folder is not None:
        print(json.dumps(measured(arguments.folder, arguments.micro, arguments.precision)))
        return
    rates = json.loads(run([sys.executable, str(HERE / "rate.py")]))
    told = ", ".join(f"{kind} {rate / 1e9:.0f} GFLOP/s" for kind, rate in rates.items())
    print(f"matrix rate: {told}, {THREADS} threads", flush=True)
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            prepare = [sys.executable, str(HERE / "prepare.py"), folder, "--data", str(arguments.data), "--size", size]
            facts = json.loads(run([*prepare, "--rows", str(arguments.rows)]))
            for precision in rates:
                words = [sys.executable, __file__, "--folder", folder, "--micro", str(arguments.micro)]
                found = json.loads(run([*words, "--precision", precision]))
                report(f"{size}, {precision}, micro-batch {arguments.micro}", found, facts, rates[precision])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--sizes", nargs="*", default=list(MODELS), choices=MODELS)
    parser.add_argument("--rows", type=int, default=NUM_ROWS // 4, help="that a step sees")
    parser.add_argument("--micro", type=int, default=1024, help="tokens computed at once")
    parser.add_argument("--folder", type=Path, help="measure in this process what prepare.py has written there")
    parser.add_argument("--precision", default="fp32", help="with --folder")
    return parser.parse_args()


def run(command: list[str]) -> str:
    """The last line that a worker prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip().splitlines()[-1]


def measured(folder: Path, micro: int, precision: str) -> dict[str, Any]:
    """Seconds of a step, alone and under the profiler; of the latter by group, and the products alone by shape."""
    import torch
    from run_whet import config
    from torch.profiler import ProfilerActivity, profile

    from whet.base.config import from_mapping
    from whet.train.build import assemble

    settings = argparse.Namespace(folder=folder, micro=micro, steps=REPEATS + 2, precision=precision)
    with tempfile.TemporaryDirectory() as output:
        loop = assemble(from_mapping(config(settings, output))).loop
        loop.emit = lambda record: None
        seconds = []
        for number in range(REPEATS + 1):
            began = time.perf_counter()
            loop.advance(loop.source.next(number))
            seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
            loop.advance(loop.source.next(REPEATS + 1))
        profiled = time.perf_counter() - began
    groups: dict[str, float] = defaultdict(float)
    shapes: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for event in profiler.key_averages(group_by_input_shape=True):
        group, spent = group_of(event.key, event.input_shapes), event.self_cpu_time_total / 1e6
        groups[group] += spent
        if event.key in PRODUCTS and group.startswith("products"):
            one = shapes[group, json.dumps(matrices_of(event.input_shapes))]
            one[0], one[1] = one[0] + event.count, one[1] + spent
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    alone = [
        (group, json.loads(pair), *counted, seconds_alone(json.loads(pair), dtype) * counted[0])
        for (group, pair), counted in shapes.items()
    ]
    return {"seconds": min(seconds[1:]), "profiled": profiled, "groups": groups, "products": alone}


def group_of(name: str, shapes: Sequence[Any]) -> str:
    """What an operator is for, by its name and by whether one of its dimensions is the vocabulary's."""
    of_head = any(VOCAB_SIZE in shape for shape in shapes if isinstance(shape, list) and shape)
    if name in PRODUCTS:
        return "products of the head" if of_head else "products of the layers"
    if any(word in name for word in ATTENTION):
        return "attention"
    if "fused_adam" in name or "_foreach_" in name:
        return "optimizer"
    if "vector_norm" in name or "_norm" in name and "layer" not in name and "rms" not in name:
        return "gradient norm"
    if any(word in name for word in LOOKUPS):
        return "embedding and gathering"
    if of_head:
        return "softmax, sums and copies of the head"
    if name.startswith("aten::"):
        return "norms, rotary, gate, residuals, copies"
    return "autograd and Python between operators"


def matrices_of(shapes: Sequence[Any]) -> list[list[int]]:
    """The shapes of the two matrices (or batches of them) that are multiplied: the last two."""
    return [list(shape) for shape in shapes if isinstance(shape, list | tuple) and len(shape) >= 2][-2:]


def seconds_alone(pair: list[list[int]], dtype: Any) -> float:
    """Of one product of these shapes, the best of a few, with nothing beside it; 0 where the shapes tell none."""
    import torch

    if len(pair) != 2 or pair[0][-1] != pair[1][-2]:
        return 0.0
    a, b = (torch.randn(shape, dtype=torch.float32).to(dtype) for shape in pair)
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        torch.matmul(a, b)
        found.append(time.perf_counter() - began)
    return min(found)


def report(title: str, found: dict[str, Any], facts: dict[str, Any], rate: float) -> None:
    share = facts["flops"] / found["seconds"] / rate
    speed = facts["row_tokens"] / found["seconds"]
    print(f"\n{title}: {speed:.0f} tokens/s, {share:.0%} of the matrix rate ({found['seconds']:.2f} s a step)")
    total = sum(found["groups"].values())
    print(f"  the profiled step took {found['profiled']:.2f} s, of which {total:.2f} s in operators")
    for name, seconds in sorted(found["groups"].items(), key=lambda pair: -pair[1]):
        print(f"  {seconds:7.3f} s  {seconds / found['profiled']:6.1%}  {name}")
    print(f"  {found['profiled'] - total:7.3f} s  {1 - total / found['profiled']:6.1%}  in none of them")
    spent, alone = (sum(row[place] for row in found["products"]) for place in (3, 4))
    print(f"  products: {spent:.3f} s here, {alone:.3f} s alone; {facts['flops'] / rate:.3f} s at the matrix rate")
    for group, pair, count, seconds, by_itself in sorted(found["products"], key=lambda row: -row[3])[:8]:
        print(f"    {seconds:7.3f} s here, {by_itself:7.3f} s alone, {count:5.0f} of {pair}, {group}")


if __name__ == "__main__":
    main()
