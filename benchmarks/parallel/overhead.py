"""A step of whet beside the same step in plain FSDP2, on ranks that talk over gloo.

    python benchmarks/dated.py parallel-overhead -- python benchmarks/parallel/overhead.py [--ranks 2] [--width 256]

Both train the same llama in fp32 with AdamW and clipping, one row of `--tokens` a rank and step, in the same processes:
turn by turn, so that whatever else the machine does falls on both. The plain one is what a page of PyTorch says:
`fully_shard` for each layer and the whole, forward, cross entropy, backward, `clip_grad_norm_`, step. whet's is a step
of its loop with all that it records. Told are the median of each, the median of the ratios of neighbouring turns with
its quartiles, and the same of the seconds of processor of rank 0.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from queue import Empty
from typing import Any

WORDS = "the quick brown fox jumps over a lazy dog while seven wise owls watch from old oak trees".split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--turns", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _store(Path(folder), args)
        context, queue = multiprocessing.get_context("spawn"), multiprocessing.get_context("spawn").Queue()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        ranks = [
            context.Process(target=_rank, args=(rank, args, port, Path(folder), queue)) for rank in range(args.ranks)
        ]
        for one in ranks:
            one.start()
        found = _result(queue, ranks)
    print(
        f"llama of {args.layers} layers of {args.width}, {args.tokens} tokens a rank, {args.ranks} ranks, "
        f"{args.turns} turns"
    )
    for clock in ("wall", "processor"):
        ours, plain = found["whet"][clock], found["plain"][clock]
        ratios = statistics.quantiles([one / other for one, other in zip(ours, plain, strict=True)], n=4)
        print(
            f"{clock:10} whet {statistics.median(ours):.4f} s, plain FSDP2 {statistics.median(plain):.4f} s, "
            f"ratio {ratios[1]:.4f} (quartiles {ratios[0]:.4f} to {ratios[2]:.4f})"
        )


def _result(queue: Any, ranks: list[Any]) -> Any:
    """What the first rank found. Exits where a rank fails."""
    while True:
        try:
            found = queue.get(timeout=1.0)
            break
        except Empty:
            if any(one.exitcode for one in ranks):
                for one in ranks:
                    one.kill()
                sys.exit("a rank failed")
    for one in ranks:
        one.join()
    return found


def _store(folder: Path, args: argparse.Namespace) -> None:
    """A tokenizer, a text that is cut into rows, and the model that both begin with."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    draw = random.Random(0)
    text = " ".join(draw.choice(WORDS) for _ in range(args.tokens * args.ranks * (args.turns + 8)))
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        [text[:10000]], trainers.BpeTrainer(vocab_size=400, special_tokens=["<|end|>"], initial_alphabet=alphabet)
    )
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|end|>").save_pretrained(
        folder / "model"
    )
    (folder / "rows.jsonl").write_text(json.dumps({"text": text}) + "\n")
    config = AutoConfig.for_model(
        "llama", hidden_size=args.width, intermediate_size=3 * args.width, num_hidden_layers=args.layers,
        vocab_size=8192,
        num_attention_heads=max(args.width // 64, 1), num_key_value_heads=max(args.width // 64, 1),
        tie_word_embeddings=False,
        max_position_embeddings=2 * args.tokens, eos_token_id=0, pad_token_id=0, bos_token_id=None,
    )  # fmt: skip
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / "model")


def _rank(rank: int, args: argparse.Namespace, port: int, folder: Path, queue: Any) -> None:
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(args.ranks), "RANK": str(rank),
        "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(args.ranks), "WHET_CACHE": str(folder / "cache"),
    }  # fmt: skip
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    whet, plain = _whet(folder, args), None
    plain = _plain(folder, args)
    found: dict[str, dict[str, list[float]]] = {name: {"wall": [], "processor": []} for name in ("whet", "plain")}
    for turn in range(-3, args.turns):
        for name, step in (("whet", whet), ("plain", plain)) if turn % 2 else (("plain", plain), ("whet", whet)):
            dist.barrier()
            wall, processor = time.perf_counter(), time.process_time()
            step()
            dist.barrier()
            if turn >= 0:
                found[name]["wall"].append(time.perf_counter() - wall)
                found[name]["processor"].append(time.process_time() - processor)
    if rank == 0:
        queue.put(found)
    dist.destroy_process_group()


def _whet(folder: Path, args: argparse.Namespace) -> Any:
    """A step of whet's loop, with all that a run records."""
    from whet.base.config import from_mapping
    from whet.train.build import assemble

    built = assemble(from_mapping({
        "name": "overhead", "model": str(folder / "model"), "objective": "pretrain",
        "data": {"train": [str(folder / "rows.jsonl")], "max_length": args.tokens, "workers": 0},
        "optimizer": {"lr": 1e-4}, "schedule": {"kind": "constant", "warmup": 0},
        "train": {
            "steps": args.turns + 3, "batch_tokens": args.tokens * args.ranks, "micro_batch": args.tokens,
            "precision": "fp32", "threads": 1, "checkpoint_every": 10_000,
        },
        "track": {"folder": str(folder / "runs"), "sinks": ["log"]},
    }))  # fmt: skip
    loop = built.loop
    return lambda: loop.advance(loop.source.next(loop.progress.step))


def _plain(folder: Path, args: argparse.Namespace) -> Any:
    import torch
    from torch.distributed.fsdp import fully_shard
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
    for layer in model.model.layers:
        fully_shard(layer)
    fully_shard(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)
    ids = torch.randint(1, 400, (1, args.tokens))

    def step() -> None:
        logits = model(ids, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[0, :-1].float(), ids[0, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


if __name__ == "__main__":
    main()
