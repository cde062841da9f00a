"""Train the shared rows with whet and print one line of JSON.

python benchmarks/sft/run_whet.py FOLDER --micro 4096 --steps 2

`--micro` is `train.micro_batch`: tokens computed at once. Everything else that differs from whet's defaults is in
`setting.py`, for all tools alike.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import peft  # noqa: F401 - TRL's imports bring peft; the baseline of memory should be equal
import transformers  # noqa: F401
from measure import print_result, rss_bytes
from setting import BETAS, CLIP_NORM, EPSILON, LEARNING_RATE, MAX_TOKENS, SEED, WEIGHT_DECAY

from whet.base.config import from_mapping
from whet.train.build import assemble


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--micro", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()
    baseline = rss_bytes()
    with tempfile.TemporaryDirectory() as output:
        built = assemble(from_mapping(config(arguments, output)))
        loop, losses = built.loop, []
        loop.emit = lambda record: losses.append(record.metrics["loss"]) if record.kind == "step" else None
        start = time.perf_counter()
        for number in range(arguments.steps):
            loop.advance(loop.source.next(number))
        seconds = time.perf_counter() - start
    facts = built.feed.facts
    print_result(
        row_tokens=facts["tokens"],
        trained_tokens=facts["trained_tokens"],
        steps=arguments.steps,
        seconds=seconds,
        loss=sum(losses) / len(losses),
        baseline_bytes=baseline,
    )


def config(arguments: argparse.Namespace, output: str) -> dict:
    """One optimizer step sees all rows, as in the other workers."""
    num_rows = len((arguments.folder / "rows.jsonl").read_text().splitlines())
    return {
        "name": "bench",
        "seed": SEED,
        "model": str(arguments.folder / "model"),
        "data": {"train": [str(arguments.folder / "rows.jsonl")], "max_length": MAX_TOKENS, "truncation": "cut"},
        "optimizer": {"lr": LEARNING_RATE, "betas": BETAS, "eps": EPSILON, "weight_decay": WEIGHT_DECAY},
        "schedule": {"kind": "constant", "warmup": 0},
        "train": {
            "epochs": arguments.steps, "batch_samples": num_rows, "micro_batch": arguments.micro,
            "clip": CLIP_NORM, "checkpoint_every": 1000, "precision": arguments.precision,
        },
        "track": {"folder": output, "sinks": []},
    }  # fmt: skip


if __name__ == "__main__":
    main()
