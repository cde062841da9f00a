"""Peak memory of a step of `objective: embedding` with gradient caching and without, for growing batches of pairs.

    python benchmarks/dated.py bench-embedding-memory -- python benchmarks/embedding_memory.py

Each point is a process of its own: a Llama of 4 layers of 128, pairs of texts of 64 tokens, fp32. `cached` takes the
step in micro-batches of 2,048 tokens, embeds all of it first and then back-propagates each; `whole` takes it in one
micro-batch. Both have the same loss and gradient. Memory is what the process allocates (RssAnon, sampled every 5 ms)
in the second step above what it had before it, once what the first one freed is handed back: activations and gradients.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from memory import Peak

INIT = {
    "model_type": "llama", "hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 4, "intermediate_size": 384, "max_position_embeddings": 128,
}  # fmt: skip
MICRO_BATCH, LENGTH = 2048, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", nargs=3, metavar=("HOW", "PAIRS", "FOLDER"))
    parser.add_argument("--pairs", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.worker:
        work(args.worker[0], int(args.worker[1]), Path(args.worker[2]))
        return
    print(f"{'pairs':>6} {'way':>7} {'MiB (range)':>22} {'s (range)':>20}")
    for pairs in args.pairs:
        for how in ("cached", "whole"):
            found = [measured(how, pairs) for _ in range(args.rounds)]
            peaks, seconds = [one["peak"] / 2**20 for one in found], [one["seconds"] for one in found]
            shown = (
                f"{statistics.median(peaks):.0f} ({min(peaks):.0f} to {max(peaks):.0f})",
                f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})",
            )
            print(f"{pairs:>6} {how:>7} {shown[0]:>22} {shown[1]:>20}", flush=True)


def measured(how: str, pairs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--worker", how, str(pairs), folder]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def work(how: str, pairs: int, folder: Path) -> None:
    """Two steps in this process, of which the second is measured."""
    from whet.base.config import from_mapping
    from whet.base.memory import give_back
    from whet.train.build import assemble

    prepare(folder, pairs)
    values = {
        "model": {"init": INIT, "tokenizer": str(folder / "tokenizer")},
        "objective": "embedding",
        "data": {"train": [str(folder / "rows.jsonl")], "workers": 0},
        "train": {"steps": 2, "batch_samples": pairs, "micro_batch": MICRO_BATCH if how == "cached" else 10**9},
        "track": {"folder": str(folder / "runs"), "sinks": ["jsonl"]},
    }
    loop = assemble(from_mapping(values)).loop
    loop.advance(loop.source.next(0))
    step = loop.source.next(1)
    give_back()
    with Peak() as peak:
        loop.advance(step)
    print(json.dumps({"peak": peak.num_bytes, "seconds": peak.seconds}))


def prepare(folder: Path, pairs: int) -> None:
    """A tokenizer with a token a word, and twice as many rows as a step has."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [f"w{number}" for number in range(1000)]
    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="w0"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="w1", pad_token="w2")
    tokenizer.save_pretrained(folder / "tokenizer")
    rng = random.Random(0)
    rows = [{side: " ".join(rng.choices(words, k=LENGTH)) for side in ("query", "positive")} for _ in range(2 * pairs)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
