"""LoRA on one model and batch: plain PEFT in transformers' own forward, PEFT's modules in whet, and whet's fast LoRA.

    python benchmarks/dated.py lora -- python benchmarks/lora.py

Each way runs in a process of its own, forward and backward of one batch in which every token is trained; ways take
turns, so that a slow minute of the machine hits all. On a CPU it is one thread's processor time. The peak is that of a
step, without the process's start: of the resident memory on a CPU, of the allocator on a GPU. `--quick` shrinks
everything to see that it runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WAYS = {"plain": "PEFT, transformers' forward", "modules": "whet, PEFT's modules", "fast": "whet, fast LoRA"}
SIZES = {
    "quick": {"hidden": 64, "layers": 2, "vocab": 512, "samples": 2, "length": 32, "rounds": 1, "steps": 2},
    "cpu": {"hidden": 512, "layers": 8, "vocab": 32_000, "samples": 4, "length": 256, "rounds": 2, "steps": 2},
    "cuda": {"hidden": 2048, "layers": 16, "vocab": 128_000, "samples": 8, "length": 1024, "rounds": 2, "steps": 20},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--way", choices=WAYS, help="(what the script passes to its own processes)")
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    args = parser.parse_args()
    if args.way:
        print(json.dumps(measure(args.way, args.quick)))
        return
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    rounds = 1
    while len(found["fast"]) < rounds:
        for way in WAYS:
            found[way].append(child(way, args.quick))
            rounds = found[way][0]["size"]["rounds"]
    report(found)


def child(way: str, quick: bool) -> dict[str, Any]:
    command = [sys.executable, __file__, "--way", way, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def report(found: dict[str, list[dict[str, Any]]]) -> None:
    first = found["plain"][0]
    print(
        f"{first['device']}, {first['threads']} threads, {first['dtype']}, {first['size']}, rank 16, all linear layers"
    )
    print(f"{'':<30} {'tokens/s':>9} {'spread':>15} {'of plain':>9} {'peak MiB':>9} {'of plain':>9} {'loss':>9}")
    seconds = {way: sorted(s for one in runs for s in one["seconds"]) for way, runs in found.items()}
    peaks = {way: statistics.median(one["peak_bytes"] for one in runs) for way, runs in found.items()}
    tokens = first["size"]["samples"] * first["size"]["length"]
    for way, runs in found.items():
        middle, ends = statistics.median(seconds[way]), (seconds[way][-1], seconds[way][0])
        speed = statistics.median(seconds["plain"]) / middle
        spread = "-".join(f"{tokens / end:.0f}" for end in ends)
        print(
            f"{WAYS[way]:<30} {tokens / middle:>9.0f} {spread:>15} {speed:>8.2f}x {peaks[way] / 2**20:>9.0f}"
            f" {peaks[way] / peaks['plain']:>9.0%} {runs[0]['loss']:>9.5f}"
        )


def measure(way: str, quick: bool) -> dict[str, Any]:
    """Seconds of each step after the first, and the peak of memory of all of them over what the model takes.

    Freed memory is kept, as in a run of whet: without that, each large tensor costs page faults.
    """
    sys.path.insert(0, str(ROOT))
    import torch

    from whet.models.forward import attention
    from whet.train.step.allocator import keep_freed_memory

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    size = SIZES["quick" if quick else device.type]
    # One thread and its processor time, which other programs on the machine disturb less.
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    if device.type == "cpu":
        torch.set_num_threads(1)
    attention.register()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build(way, size).to(device)
        ids_SL = torch.randint(size["vocab"], (size["samples"], size["length"])).to(device)
    keep_freed_memory()
    run = forward(way, module, ids_SL)
    start, seconds, loss = memory(device, reset=True), [], 0.0
    step(run, module, device)
    for _ in range(size["steps"]):
        began = clock()
        loss = step(run, module, device)
        seconds.append(clock() - began)
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    return {
        "size": size, "device": name, "threads": torch.get_num_threads(), "loss": loss, "seconds": seconds,
        "dtype": "bf16" if device.type == "cuda" else "fp32", "peak_bytes": memory(device) - start,
    }  # fmt: skip


def build(way: str, size: dict[str, int]) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from whet.base.catalogue import tuner

    width = size["hidden"]
    config = AutoConfig.for_model(
        "qwen3", vocab_size=size["vocab"], hidden_size=width, intermediate_size=3 * width,
        num_hidden_layers=size["layers"], num_attention_heads=width // 64, num_key_value_heads=max(width // 128, 1),
        head_dim=64, tie_word_embeddings=True,
    )  # fmt: skip
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    name = "sdpa" if way == "plain" else "whet"
    module = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=name)
    kind = tuner.get("lora")
    return kind.build(**kind.settings(fast=way == "fast").values()).prepare(module).train()


def forward(way: str, module: Any, ids_SL: Any) -> Any:
    """A call that gives the loss summed over the batch."""
    import torch

    count = ids_SL.shape[0] * (ids_SL.shape[1] - 1)
    if way == "plain":
        return lambda: module(input_ids=ids_SL, labels=ids_SL, use_cache=False).loss * count
    from whet.contracts.batch import Batch, Segment, Stream
    from whet.models.forward.language import LanguageModel

    samples, length = ids_SL.shape
    flat = ids_SL.reshape(-1)
    weights = torch.ones(samples, length, device=flat.device)
    weights[:, -1] = 0
    segments = tuple(Segment(at, at + length) for at in range(0, samples * length, length))
    positions = torch.arange(length, device=flat.device).repeat(samples)
    batch = Batch({"text": Stream(flat, positions, segments, flat.roll(-1), weights.reshape(-1))}, samples)
    model = LanguageModel(module)
    return lambda: model.run(batch, frozenset({"nll"}))["nll"]


def step(run: Any, module: Any, device: Any) -> float:
    import torch

    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        loss = run()
    loss.backward()
    for parameter in module.parameters():
        parameter.grad = None
    return loss.item()


def memory(device: Any, reset: bool = False) -> int:
    """The highest memory since the last reset; with `reset`, what is taken now."""
    import torch

    if device.type == "cuda":
        if reset:
            torch.cuda.reset_peak_memory_stats()
            return torch.cuda.memory_allocated()
        return torch.cuda.max_memory_allocated()
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    name = "VmRSS:" if reset else "VmHWM:"
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
