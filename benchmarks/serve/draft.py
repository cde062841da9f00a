"""When a draft pays: processor time a token with a smaller model that guesses ahead, and without.

    python benchmarks/serve/draft.py [--sizes tiny 110m] [--streams 1 4 16] [--layers 1 2] [--alike 0 0.05]

A random llama whose upper layers add little, and as its draft the same one with its first layers alone; `alike` is the
share of what those layers add, so that the draft is right nearly always at 0 and less often above. Greedy answers of
50 tokens after prompts of 100 in fp32, one thread, by the median of three rounds; answers are checked to be the same.
What is told is true of these two models' costs; how often a draft of another one is right is its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from copy import deepcopy
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks/serve")]

from beside import SIZES, VOCAB  # noqa: E402
from cache import ANSWER, equal, model  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--streams", nargs="*", type=int, default=[1, 4, 16])
    parser.add_argument("--layers", nargs="*", type=int, default=[1, 2], help="layers of the draft")
    parser.add_argument("--alike", nargs="*", type=float, default=[0.0, 0.05], help="what upper layers add")
    parser.add_argument("--guesses", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    print(f"{date.today()}  {platform.machine()}, load {os.getloadavg()[0]:.2g}, {versions}, fp32, one thread")
    print(f"{'':34}{'plain ms/token':>16}{'with a draft':>14}{'right':>8}")
    for size in args.sizes:
        for alike in args.alike:
            for layers in args.layers:
                whole, draft = pair(size, layers, alike)
                for streams in args.streams:
                    told(f"{size}, {layers} layers, {alike:g}, {streams} at once", whole, draft, args, streams, size)


def pair(size: str, layers: int, alike: float) -> tuple[Any, Any]:
    """A model, and one of its first layers."""
    import torch

    whole = model(size)
    with torch.no_grad():
        for layer in whole.model.layers[layers:]:
            layer.self_attn.o_proj.weight.mul_(alike)
            layer.mlp.down_proj.weight.mul_(alike)
    draft = deepcopy(whole)
    draft.model.layers = draft.model.layers[:layers]
    draft.config.num_hidden_layers = layers
    return whole, draft


def told(name: str, whole: Any, draft: Any, args: argparse.Namespace, streams: int, size: str) -> None:
    prompts = equal(streams, VOCAB[size])
    plain, ahead, shares = [], [], []
    for _ in range(args.rounds):
        used, said, _ = answered(whole, None, prompts, args.guesses)
        plain.append(used)
        used, its, share = answered(whole, draft, prompts, args.guesses)
        ahead.append(used)
        shares.append(share)
        if its != said:
            sys.exit(f"{name}: answers differ with a draft")
    figures = (statistics.median(plain), statistics.median(ahead), statistics.median(shares))
    print(f"{name:34}{figures[0]:16.3f}{figures[1]:14.3f}{figures[2]:8.0%}", flush=True)


def answered(whole: Any, draft: Any, prompts: list[list[int]], guesses: int) -> tuple[float, list[list[int]], float]:
    """Milliseconds a token, the answers, and the share of guesses that was right."""
    from cache import Texts

    from whet.generate.protocol import GenerateSettings
    from whet.generate.serving.batcher import Batcher
    from whet.generate.serving.drafts import Drafts, vocab_of
    from whet.generate.serving.entry import Entry
    from whet.generate.serving.request import Handle, Limits, Request
    from whet.models.decoding.pages import Pages

    drafts = None if draft is None else Drafts(Pages(draft), vocab_of(whole), vocab_of(draft))
    limits = Limits(sequences=64, cache_tokens=1 << 20, guesses=0 if draft is None else guesses)
    batcher = Batcher(Pages(whole, 0, limits.cache_tokens), limits, None, drafts)
    handles = [Handle(Request(ids=ids, settings=GenerateSettings(max_new_tokens=ANSWER))) for ids in prompts]
    for handle in handles:
        batcher.add(Entry(handle, Texts(), frozenset(), None))
    began = time.process_time()
    while batcher.is_busy:
        batcher.step()
    used = 1000 * (time.process_time() - began) / (ANSWER * len(prompts))
    return used, [handle.completion.ids for handle in handles], batcher.num_right / max(1, batcher.num_guessed)


if __name__ == "__main__":
    main()
