"""Two checkouts of whet by turns: seconds of a step, and of preparing data, before a change and after it.

    python benchmarks/paired.py --before ../whet-before --after .

Each job is a run of `whet train` from the command line, in fresh processes that alternate; the first steps warm up and
do not count. Ratios are after / before of each round: the median, and an interval that holds it with the probability
given. Runs of both must end with the same loss.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from intervals import median_interval

HERE = Path(__file__).resolve().parent
WARM = 2
LLAMA = {
    "model_type": "llama", "hidden_size": 256, "intermediate_size": 688, "num_hidden_layers": 6,
    "num_attention_heads": 8, "num_key_value_heads": 8, "max_position_embeddings": 1024, "tie_word_embeddings": True,
}  # fmt: skip
# What is trained on which rows, and the settings of each job.
JOBS: dict[str, dict[str, Any]] = {
    "sft": {
        "data": {"train": ["instruct/alpaca_en_demo.json"], "max_length": 512, "truncation": "cut"}, "objective": "sft",
        "train": {"steps": 6, "batch_tokens": 4096},
    },
    "dpo": {
        "data": {"train": ["instruct/dpo_en_demo.json"], "max_length": 512, "max_skipped": 0.5, "truncation": "cut"},
        "objective": "dpo",
        "train": {"steps": 6, "batch_tokens": 3072},
    },
    "grpo": {
        "data": {"train": ["gsm8k/train.jsonl"], "max_length": 256, "truncation": "skip", "max_skipped": 0.5},
        "objective": "grpo",
        "rewards": [{"kind": "regex", "pattern": "[0-9]"}],
        "rollout": {"prompts": 8, "completions": 4, "max_new_tokens": 48}, "train": {"steps": 5},
    },
}  # fmt: skip


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tokenizer = place / "tokenizer"
        files = [str(arguments.data / "instruct" / "alpaca_en_demo.json")]
        whet(arguments.after, "tokenizer", "train", *files, "--vocab-size", "8192", "--chat", "--output", tokenizer)
        for job in arguments.jobs:
            compare(arguments, place, job)
        compare_data(arguments, place, files[0], tokenizer)


def compare(arguments: argparse.Namespace, place: Path, job: str) -> None:
    """Print seconds of a step of both, and what they end with."""
    sides = {"before": arguments.before, "after": arguments.after}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    losses = {}
    for number in range(arguments.rounds):
        for side in sorted(sides, reverse=number % 2 == 1):
            name = f"{job}-{side}-{number}"
            path = place / f"{name}.json"
            path.write_text(json.dumps(config(arguments, place, job)))
            whet(sides[side], "train", path, f"name={name}", cwd=place)
            steps = steps_of(place / "runs" / name)
            seconds[side].append(statistics.median(step["seconds"] for step in steps[WARM:]))
            losses[side] = steps[-1]["metrics"]["loss"]
    report(f"{job}: seconds of a step", seconds)
    print(f"  loss of the last step {losses['before']:.6f} and {losses['after']:.6f}", flush=True)


def compare_data(arguments: argparse.Namespace, place: Path, file: str, tokenizer: Path) -> None:
    """Print the processor time of looking through all rows, with nothing kept of them."""
    seconds: dict[str, list[float]] = {"before": [], "after": []}
    for number in range(arguments.rounds):
        for side in sorted(seconds, reverse=number % 2 == 1):
            cache = place / f"cache-{side}-{number}"
            began = os.times()
            asked = ("data", "inspect", file, "--model", tokenizer, "--rows", "0")
            whet(getattr(arguments, side), *asked, cwd=place, cache=cache)
            ended = os.times()
            seconds[side].append(sum(ended[2:4]) - sum(began[2:4]))
    report("data inspect: seconds of processor", seconds)


def config(arguments: argparse.Namespace, place: Path, job: str) -> dict[str, Any]:
    sections = json.loads(json.dumps(JOBS[job]))
    sections["data"]["train"] = [str(arguments.data / name) for name in sections["data"]["train"]]
    model = {"init": LLAMA, "tokenizer": str(place / "tokenizer")}
    train = {**sections["train"], "micro_batch": 1024, "precision": "fp32"}
    return {**sections, "model": model, "train": train, "optimizer": {"lr": 1e-3}, "track": {"sinks": ["jsonl"]}}


def steps_of(run: Path) -> list[dict[str, Any]]:
    records = map(json.loads, (run / "records.jsonl").read_text().splitlines())
    return [record for record in records if record["kind"] == "step"]


def whet(checkout: Path, *words: object, cwd: Path | None = None, cache: Path | None = None) -> None:
    """The command line of a checkout in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "HF_HUB_OFFLINE": "1"}
    if cache is not None:
        environment["WHET_CACHE"] = str(cache)
    command = [sys.executable, "-m", "whet", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd)
    if done.returncode != 0:
        sys.exit(f"failed: {' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def report(what: str, seconds: dict[str, list[float]]) -> None:
    ratios = [after / before for before, after in zip(seconds["before"], seconds["after"], strict=True)]
    low, high, coverage = median_interval(ratios)
    before, after = (statistics.median(seconds[side]) for side in ("before", "after"))
    print(
        f"{what}: {before:.3f} before, {after:.3f} after; ratio {statistics.median(ratios):.3f} "
        f"({low:.3f} to {high:.3f}, {coverage:.0%} interval of the median, {len(ratios)} rounds)"
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, required=True, help="checkout that is compared with")
    parser.add_argument("--after", type=Path, default=HERE.parent, help="checkout that is measured (this one)")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", nargs="*", default=list(JOBS), choices=JOBS)
    arguments = parser.parse_args()
    arguments.before, arguments.after = arguments.before.resolve(), arguments.after.resolve()
    return arguments


if __name__ == "__main__":
    main()
