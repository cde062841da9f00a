"""One prompt computed once against one a reply: tokens/s and peak memory of a step, for pairs and for groups of eight.

    python benchmarks/preference/shared_prefix.py

Each measurement is a fresh process on two threads: forward, backward and update of a Llama on random tokens,
log-probabilities of the replies through the preference objective (pairs) or a plain sum (groups). Both ways see the
same replies; tokens/s counts the tokens of separate rows. What can be gained lies in the layers: the head is paid for
replies alone, either way. In the small model (21.7 M parameters) it costs more than the six layers, in the larger one
(110 M: width 768, 12 layers) a fifth of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sft"))
VOCAB = 32_000
LARGER = {"hidden_size": 768, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 12,
          "num_key_value_heads": 4}  # fmt: skip


class Case(NamedTuple):
    """Groups a step, replies a group, groups in memory at once, tokens of a prompt and of a reply, the model."""

    groups: int
    replies: int
    at_once: int
    prompt: int = 384
    reply: int = 128
    larger: bool = False


CASES = {
    "pairs": Case(8, 2, 4),
    "pairs, larger model": Case(4, 2, 2, larger=True),
    "groups of 8": Case(2, 8, 1),
    "groups of 8, larger model": Case(1, 8, 1, larger=True),
    "groups of 8, larger model, prompts of 1,024": Case(1, 8, 1, prompt=1024, larger=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worker", nargs=2, metavar=("CASE", "WAY"))
    parser.add_argument("--cases", nargs="*", default=list(CASES), help=f"some of: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(work(*arguments.worker, arguments.steps)))
        return
    for case in arguments.cases:
        compare(case, arguments.rounds, arguments.steps)


def compare(case: str, rounds: int, steps: int) -> None:
    """Both ways in turn, round after round; ratios are taken within a round."""
    of = CASES[case]
    print(f"\n{case}: {of.groups} prompts of {of.prompt} tokens ({of.prompt / (of.prompt + of.reply):.0%} of a row),")
    print(f"  {of.replies} replies of {of.reply} each, {of.at_once} prompts at once")
    found: dict[str, list[dict[str, Any]]] = {"shared": [], "separate": []}
    for number in range(rounds):
        for way in list(found) if number % 2 else reversed(list(found)):
            found[way].append(measure(case, way, steps))
    for way, results in found.items():
        speeds, peaks = ([r[name] for r in results] for name in ("tokens_per_s", "peak_mib"))
        line = f"{statistics.median(speeds):>6.0f} tokens/s ({min(speeds):.0f} to {max(speeds):.0f})   "
        line += f"{statistics.median(peaks):>5.0f} MiB ({min(peaks):.0f} to {max(peaks):.0f})   "
        print(f"  {way:<9} {line}loss {results[0]['loss']:.6f}")
    for name, words in (("tokens_per_s", "tokens/s"), ("peak_mib", "peak memory")):
        ratios = [a[name] / b[name] for a, b in zip(found["shared"], found["separate"], strict=True)]
        print(
            f"  shared / separate: {words} x {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def measure(case: str, way: str, steps: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--worker", case, way, "--steps", str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.strip().splitlines()[-1])


def work(case: str, way: str, steps: int) -> dict[str, Any]:
    """Steps of one way in this process, the first not counted."""
    import numpy as np
    import torch
    from measure import peak_rss_bytes, rss_bytes
    from setting import MODELS

    from whet.base.catalogue import model_source, objective, optimizer, tuner
    from whet.contracts.model import Models
    from whet.contracts.sample import Sample
    from whet.data.order.collate import collate
    from whet.models.loading.context import BuildContext
    from whet.models.loading.fill import filled
    from whet.objectives.next_token import NextToken
    from whet.optim.adapted import adapted
    from whet.optim.groups import ParamGroups
    from whet.parallel.world import World
    from whet.train.step.allocator import keep_freed_memory
    from whet.train.step.executor import DataParallel

    keep_freed_memory()
    groups, replies, at_once, prompt_tokens, reply_tokens, is_larger = CASES[case]
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(groups):
        prompt = rng.integers(0, VOCAB, prompt_tokens)
        ids, weights, cuts = [prompt[:-1]], [np.zeros(prompt_tokens - 1)], []
        for _ in range(replies):
            cuts.append(sum(map(len, ids)))
            ids.append(np.concatenate([prompt[-1:], rng.integers(0, VOCAB, reply_tokens)]))
            weights.append(np.concatenate([[0.0], np.ones(reply_tokens)]))
        fields = {"reference": np.full(replies, -reply_tokens * np.log(VOCAB))}
        joined = np.concatenate(ids).astype(np.int32), np.concatenate(weights).astype(np.float32)
        samples.append(Sample(*joined, fields, None, tuple(cuts)))
    baseline = rss_bytes()
    loaded = filled(
        model_source.get("hf").build(
            BuildContext(tuner=tuner.get("full").build()),
            init={"model_type": "llama", **MODELS["21m"], **(LARGER if is_larger else {})},
        )
    )
    update = adapted(optimizer.get("adamw").build(ParamGroups.of(loaded.module, loaded.roles), lr=1e-5))
    learn = objective.get("dpo").build() if replies == 2 else NextToken()
    train = DataParallel(World(torch.device("cpu")), Models(loaded.model), learn, update, loaded.module, 0, 1.0, None)
    rows = [samples[i : i + at_once] for i in range(0, groups, at_once)]
    batches = [collate(row, shared=way == "shared") for row in rows]
    weights, _ = train.weigh(batches, {})
    figures = train.step(0, batches, weights, 1.0)
    start = time.perf_counter()
    for step in range(1, steps + 1):
        train.step(step, batches, weights, 1.0)
    seconds = time.perf_counter() - start
    tokens = groups * replies * (prompt_tokens + reply_tokens) * steps
    return {
        "tokens_per_s": tokens / seconds,
        "peak_mib": (peak_rss_bytes() - baseline) / 2**20,
        "loss": figures["loss"],
    }


if __name__ == "__main__":
    main()
