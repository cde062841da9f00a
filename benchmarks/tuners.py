"""What each tuner takes: tokens a second and the peak of memory of whole optimizer steps, beside full fine-tuning.

    python benchmarks/dated.py tuners -- python benchmarks/tuners.py

Each kind runs in a process of its own on the same model and batch: forward, backward and an AdamW step, every token
trained, on one thread. Seconds are those of the processor, which other programs on the machine disturb less. The peak
counts weights, gradients, optimizer state and what a step keeps, without the process's start.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from typing import Any

from lora import ROOT, forward, memory

SIZE = {"hidden": 512, "layers": 4, "vocab": 16_000, "samples": 4, "length": 256}
KINDS: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "full": ("full", {}, None),
    "freeze last=1": ("freeze", {"last": 1}, None),
    "lisa layers=1": ("lisa", {"layers": 1}, None),
    "llama-pro blocks=1": ("llama-pro", {"blocks": 1}, None),
    "lora": ("lora", {}, None),
    "lora fast=false": ("lora", {"fast": False}, None),
    "lora dora=true": ("lora", {"dora": True}, None),
    "lora on nf4": ("lora", {}, "nf4"),
    "vera": ("vera", {}, None),
    "ia3": ("ia3", {}, None),
    "prompt": ("prompt", {}, None),
}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(measure(*KINDS[sys.argv[1]])))
        return
    print(f"fp32 on one CPU thread, processor time, qwen3 shape {SIZE}")
    print(f"{'':<20} {'trained':>10} {'tokens/s':>9} {'of full':>8} {'peak MiB':>9} {'of full':>8}")
    full: dict[str, Any] = {}
    for name in KINDS:
        done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            sys.exit(done.stderr)
        one = json.loads(done.stdout.splitlines()[-1])
        full = full or one
        tokens, speed = SIZE["samples"] * SIZE["length"], full["seconds"] / one["seconds"]
        print(
            f"{name:<20} {one['trained']:>10,} {tokens / one['seconds']:>9.0f} {speed:>7.2f}x"
            f" {one['peak_bytes'] / 2**20:>9.0f} {one['peak_bytes'] / full['peak_bytes']:>8.0%}",
            flush=True,
        )


def measure(kind: str, settings: dict[str, Any], codec: str | None) -> dict[str, Any]:
    sys.path.insert(0, str(ROOT))
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from whet.base.catalogue import tuner
    from whet.kernels.quantized import Quantized
    from whet.models.forward import attention
    from whet.train.step.allocator import keep_freed_memory

    attention.register()
    keep_freed_memory()
    torch.set_num_threads(1)
    width, device = SIZE["hidden"], torch.device("cpu")
    config = AutoConfig.for_model(
        "qwen3", vocab_size=SIZE["vocab"], hidden_size=width, intermediate_size=3 * width,
        num_hidden_layers=SIZE["layers"], num_attention_heads=8, num_key_value_heads=4, head_dim=64,
        tie_word_embeddings=True,
    )  # fmt: skip
    start = memory(device, reset=True)
    module = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="whet")
    if codec:
        for part in module.modules():
            if isinstance(part, torch.nn.Linear) and part is not module.lm_head:
                part.weight = torch.nn.Parameter(Quantized.of(part.weight.data, codec), requires_grad=False)
    found = tuner.get(kind)
    method = found.build(**found.settings(**settings).values())
    module = method.prepare(module).train()
    run = forward("whet", module, torch.randint(SIZE["vocab"], (SIZE["samples"], SIZE["length"])))
    update = torch.optim.AdamW([p for p in module.parameters() if p.requires_grad], lr=1e-4, fused=True)
    seconds = []
    for step in range(3):
        began = time.process_time()
        method.before_step(module, step)
        run().backward()
        update.step()
        update.zero_grad(set_to_none=True)
        seconds.append(time.process_time() - began)
    trained = sum(p.numel() for p in module.parameters() if p.requires_grad)
    peak = memory(device) - start
    return {"seconds": statistics.median(seconds[1:]), "peak_bytes": peak, "trained": trained}


if __name__ == "__main__":
    main()
