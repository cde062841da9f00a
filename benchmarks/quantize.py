"""A trained model quantized in every way: perplexity of unseen text, size, and the seconds that it takes.

    python benchmarks/dated.py quantize -- python benchmarks/quantize.py --data wikitext-2

A Llama is trained on `valid.txt` of WikiText-2 (in the folder `--data`; `--model` takes one that is trained already),
calibrated on 32 samples of the same file, and measured on the first 30,000 characters of `test.txt`. `--quick` shrinks
everything to see that it runs. `no data` is rounding to nearest: what GPTQ and AWQ must beat.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WAYS = (
    "int8", "int8 activations=true", "fp8", "gptq bits=8 group=0",
    "int4 group=128", "int4 group=32", "int4 group=32 symmetric=false",
    "gptq group=128", "gptq group=32", "gptq group=32 act_order=off", "gptq group=32 act_order=group layout=gptq",
    "gptq group=32 symmetric=false", "awq group=128", "awq group=32", "awq group=32 clip=false",
)  # fmt: skip
SHAPE = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 768, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 256,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with valid.txt and test.txt of WikiText-2")
    parser.add_argument("--model", help="a folder that is trained already")
    parser.add_argument("--steps", type=int, default=400, help="steps of 4,096 tokens (default: 400)")
    parser.add_argument("--quick", action="store_true", help="a few steps, three ways")
    args = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test.txt").write_text((args.data / "test.txt").read_text(encoding="utf-8")[:30_000], "utf-8")
        model = args.model or train(folder, args.data.resolve() / "valid.txt", 4 if args.quick else args.steps)
        print(f"{Path(model).name}: {json.dumps(SHAPE) if not args.model else ''}")
        print(f"{'':<44} {'perplexity':>10} {'growth':>8} {'MiB':>7} {'of it':>6} {'mean KL':>9} {'agree':>6} {'s':>6}")
        for way in WAYS[:5:2] if args.quick else WAYS:
            show(way, *quantized(way, model, folder, args.data.resolve() / "valid.txt"))


def train(folder: Path, text: Path, steps: int) -> str:
    """A new model of the shape above, trained from nothing."""
    whet(folder, "tokenizer", "train", str(text), "--vocab-size", "4096", "--output", "tokenizer")
    init = json.dumps(SHAPE)
    (folder / "run.yaml").write_text(
        f"name: base\nmodel: {{init: {init}, tokenizer: tokenizer}}\ndata: ['{text}']\nobjective: pretrain\n"
        f"optimizer: {{lr: 2e-3}}\ntrain: {{steps: {steps}, batch_tokens: 4096}}\n"
    )
    whet(folder, "train", "run.yaml")
    return str(folder / "runs" / "base" / "model")


def quantized(way: str, model: str, folder: Path, data: Path) -> tuple[dict[str, Any], float]:
    """The report of one way, and the seconds of the quantizing alone (reading, walking, writing)."""
    output = folder / way.replace(" ", "-")
    common = [model, "--kind", *way.split(), "--data", str(data), "--samples", "32", "--length", "256"]
    began = time.perf_counter()
    whet(folder, "quantize", *common, "--no-check", "--output", f"{output}-timed")
    seconds = time.perf_counter() - began
    whet(folder, "quantize", *common, "--held-out", "test.txt", "--output", str(output), may_drift=True)
    place = output if output.exists() else output.with_name(f"{output.name}.failed")
    return json.loads((place / "equivalence.json").read_text()), seconds


def show(way: str, report: dict[str, Any], seconds: float) -> None:
    perplexity, size = report["measured"]["perplexity"], report["measured"]["size"]
    before, after = perplexity["before"], perplexity["after"]
    print(
        f"{way:<44} {after:>10.3f} {after / before - 1:>8.2%} {size['after'] / 2**20:>7.2f}"
        f" {size['after'] / size['before']:>6.0%} {report['mean_kl']:>9.5f} {report['agreement']:>6.0%} {seconds:>6.1f}"
        f"{'' if report['passed'] else '  beyond its limits'}",
        flush=True,
    )


def whet(folder: Path, *words: str, may_drift: bool = False) -> None:
    command = [sys.executable, "-m", "whet", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=None)
    if done.returncode and not (may_drift and "is not the trained one" in done.stderr):
        sys.exit(f"{' '.join(command)}\n{done.stderr}")


if __name__ == "__main__":
    main()
