"""Peak memory of `whet merge` beside merging in memory with PEFT: one process each, a model of 12 layers of 1024.

    python benchmarks/dated.py bench-merge -- python benchmarks/merge_memory.py

Memory is what the process allocates (RssAnon, sampled every 5 ms) above what it had after importing, so that mapped
files, which the system may drop at any time, do not count.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from memory import Peak

SHAPE = {
    "hidden_size": 1024, "num_hidden_layers": 12, "num_attention_heads": 16, "num_key_value_heads": 8,
    "intermediate_size": 3072, "vocab_size": 16_000, "max_position_embeddings": 512, "tie_word_embeddings": False,
}  # fmt: skip
SHARD_BYTES = 50_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=3, metavar=("HOW", "FOLDER", "OUTPUT"))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.worker:
        work(args.worker[0], Path(args.worker[1]), Path(args.worker[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        total, largest = prepare(folder)
        print(
            f"weights {total / 1e6:.0f} MB in bf16, largest tensor {largest / 1e6:.1f} MB, "
            f"shards of {SHARD_BYTES / 1e6:.0f} MB"
        )
        for how in ("whet", "peft"):
            found = [measured(how, folder, folder / f"out-{how}-{i}") for i in range(args.rounds)]
            peaks, seconds = [one["peak"] / 1e6 for one in found], [one["seconds"] for one in found]
            print(
                f"{how}: peak {statistics.median(peaks):.0f} MB ({min(peaks):.0f} to {max(peaks):.0f}), "
                f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
            )


def prepare(folder: Path) -> tuple[int, int]:
    """A random base in bf16, a tokenizer, and a LoRA of rank 16 on all linear layers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoConfig, AutoModelForCausalLM

    from whet.models.tokenizers.training import train_tokenizer

    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", **SHAPE)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(folder / "base", max_shard_size=SHARD_BYTES)
    train_tokenizer(["the quick brown fox jumps over the lazy dog"] * 3, 300).save_pretrained(folder / "base")
    sizes = [parameter.numel() * 2 for parameter in model.parameters()]
    tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=16, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.01)
    tuned.save_pretrained(folder / "adapter")
    return sum(sizes), max(sizes)


def measured(how: str, folder: Path, output: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--worker", how, str(folder), str(output)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def work(how: str, folder: Path, output: Path) -> None:
    """Merge in this process and print its peak above the imports."""
    import peft
    from transformers import AutoModelForCausalLM

    from whet.export.merging import Part, merge_models
    from whet.models.merging.combine import Recipe

    with Peak() as peak:
        if how == "whet":
            part = Part(str(folder / "adapter"))
            merge_models(str(folder / "base"), [part], output, Recipe(), shard_bytes=SHARD_BYTES, check=False)
        else:
            base = AutoModelForCausalLM.from_pretrained(folder / "base", dtype="bfloat16")
            peft.PeftModel.from_pretrained(base, folder / "adapter").merge_and_unload().save_pretrained(
                output, max_shard_size=SHARD_BYTES
            )
    print(json.dumps({"peak": peak.num_bytes, "seconds": peak.seconds}))


if __name__ == "__main__":
    main()
