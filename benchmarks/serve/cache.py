"""Keys and values in rows of one cache beside blocks of tokens: processor time a token, without a server around it.

    python benchmarks/serve/cache.py [--sizes tiny 110m] [--streams 1 4 16 64] [--rounds 3]

Greedy answers of random llamas in fp32 on the CPU with one thread, made step by step as the serving engine makes them.
`equal`: prompts of 100 tokens and 50 more each. `unequal`: of eight prompts one has 900 tokens and the others 20.
`alike`: all begin with the same 500 tokens. Rows and blocks take turns; told is the median of the rounds, in
milliseconds of the process for each token that was made, prompts included, and of the steps alone that read no prompt;
then the bytes of the cache.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks/serve")]

from beside import SIZES, VOCAB  # noqa: E402

ANSWER = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--streams", nargs="*", type=int, default=[1, 4, 16, 64])
    parser.add_argument("--lengths", nargs="*", choices=list(PROMPTS), default=list(PROMPTS))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers"))
    print(f"{date.today()}  {platform.machine()}, load {os.getloadavg()[0]:.2g}, {versions}, fp32, one thread")
    titles = ("rows ms/token", "blocks", "rows, later", "blocks, later", "rows MiB", "blocks MiB")
    print(f"{'':22}" + "".join(f"{title:>15}" for title in titles))
    for size in args.sizes:
        module = model(size)
        for lengths in args.lengths:
            for streams in args.streams:
                told(f"{size} {lengths} {streams}", module, PROMPTS[lengths](streams, VOCAB[size]), args.rounds)


def told(name: str, module: Any, prompts: list[list[int]], rounds: int) -> None:
    from whet.models.decoding.pages import Pages
    from whet.models.decoding.together import Together

    found: dict[Any, list[tuple[float, float, int]]] = {Together: [], Pages: []}
    answers = []
    for number in range(rounds):
        for kind in (Together, Pages) if number % 2 else (Pages, Together):
            figures, said = answered(module, kind(module), prompts)
            found[kind].append(figures)
            answers.append(said)
    if any(said != answers[0] for said in answers):
        sys.exit(f"{name}: rows and blocks do not say the same")
    rows, blocks = ([statistics.median(column) for column in zip(*found[kind], strict=True)] for kind in found)
    print(
        f"{name:22}{rows[0]:15.3f}{blocks[0]:15.3f}{rows[1]:15.3f}{blocks[1]:15.3f}"
        f"{rows[2] / 2**20:15.1f}{blocks[2] / 2**20:15.1f}",
        flush=True,
    )


def answered(module: Any, cache: Any, prompts: list[list[int]]) -> tuple[tuple[float, float, int], list[list[int]]]:
    """Milliseconds a token in all, and of those steps where nobody read a prompt; bytes; and the answers."""
    from whet.generate.protocol import GenerateSettings
    from whet.generate.serving.batcher import Batcher
    from whet.generate.serving.entry import Entry
    from whet.generate.serving.request import Handle, Limits, Request

    batcher = Batcher(cache, Limits(sequences=64, cache_tokens=1 << 20))
    settings = GenerateSettings(max_new_tokens=ANSWER)
    handles = [Handle(Request(ids=ids, settings=settings)) for ids in prompts]
    for handle in handles:
        batcher.add(Entry(handle, Texts(), frozenset(), None))
    whole = time.process_time()
    later = steps = 0.0
    while batcher.is_busy:
        is_read = bool(batcher.running) and not batcher.waiting and all(one.num_unread == 1 for one in batcher.running)
        began, count = time.process_time(), len(batcher.running)
        batcher.step()
        if is_read:
            later, steps = later + time.process_time() - began, steps + count
    whole = time.process_time() - whole
    figures = (1000 * whole / (ANSWER * len(prompts)), 1000 * later / max(1, steps), cache.num_bytes)
    return figures, [handle.completion.ids for handle in handles]


class Texts:
    """A tokenizer that takes no time."""

    def decode(self, ids: list[int], **_: Any) -> str:
        return "x" * len(ids)


def equal(streams: int, vocab: int) -> list[list[int]]:
    return [_ids(number, 100, vocab) for number in range(streams)]


def unequal(streams: int, vocab: int) -> list[list[int]]:
    return [_ids(number, 20 if number % 8 else 900, vocab) for number in range(streams)]


def alike(streams: int, vocab: int) -> list[list[int]]:
    return [_ids(1 << 20, 500, vocab) + _ids(number, 20, vocab) for number in range(streams)]


PROMPTS = {"equal": equal, "unequal": unequal, "alike": alike}


def _ids(seed: int, count: int, vocab: int) -> list[int]:
    import torch

    return torch.randint(vocab, (count,), generator=torch.Generator().manual_seed(seed)).tolist()


def model(size: str) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from whet.models.forward import attention

    attention.register()
    torch.manual_seed(0)
    config = LlamaConfig(**SIZES[size], vocab_size=VOCAB[size], max_position_embeddings=2048, initializer_range=0.05)
    module = LlamaForCausalLM(config).eval()
    module.set_attn_implementation(attention.NAME)
    return module


if __name__ == "__main__":
    main()
