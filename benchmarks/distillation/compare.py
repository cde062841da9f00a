"""Distillation with whet and with TRL's GKDTrainer on the same rows, models and tokens: time of a step, peak memory.

    python benchmarks/distillation/compare.py --rival-python .venv-rival/bin/python

Conversations of Alpaca of at most `MAX_TOKENS` tokens; every step sees all of them; generalised JSD with beta 0.5. The
student is the model of the fine-tuning benchmark, the teacher one of the same vocabulary, wider and deeper. TRL learns
from the rows (`lmbda=0`), so nobody generates. `whet stored` learns from 64 likeliest tokens; what asking the teacher
takes beforehand is listed beside the step. `beside_trl.py` says how each is measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import beside_trl as beside

TEACHER = {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 10, "num_attention_heads": 8}
TOOLS = {"whet": ("whet", "0"), "whet stored": ("whet", "64"), "trl": ("trl", "0")}


def main() -> None:
    options = beside.parser(__doc__)
    options.add_argument("--rows", type=int, default=16)
    beside.compare(
        __file__, options.parse_args(), workers={"whet": whet, "trl": trl}, tools=TOOLS, prepare=prepare,
        ratios=[("whet", "trl"), ("whet stored", "trl")], check=beside.same_loss(["whet", "trl"], 1e-3),
    )  # fmt: skip


def prepare(folder: Path, arguments: argparse.Namespace) -> None:
    """Student, teacher and tokenizer, and the first short rows as conversations."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = beside.build_models(folder, arguments.data)
    from setting import MODELS

    torch.manual_seed(1)
    teacher = LlamaForCausalLM(LlamaConfig(**{**MODELS["21m"], **TEACHER, "initializer_range": 0.06}))
    teacher.config.eos_token_id = tokenizer.eos_token_id
    teacher.save_pretrained(folder / "teacher")
    tokenizer.save_pretrained(folder / "teacher")
    rows, tokens = [], 0
    for row in json.loads((arguments.data / "instruct" / "alpaca_en_demo.json").read_text()):
        asked = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
        turns = {"user": asked, "assistant": row["output"]}
        messages = [{"role": role, "content": text} for role, text in turns.items()]
        length = len(tokenizer.apply_chat_template(messages)["input_ids"])
        if length <= beside.MAX_TOKENS and len(rows) < arguments.rows:
            rows.append({"messages": messages})
            tokens += length
    beside.write_rows(folder / "chat.jsonl", rows)
    size = sum(p.numel() for p in teacher.parameters()) / 1e6
    print(
        f"{len(rows)} rows of {tokens:,} tokens a step, teacher of {size:.1f} M parameters, fp32, 2 threads", flush=True
    )


def whet(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    from whet.train import build

    own, asked = build.tell, [0.0]

    def timed(*given: Any) -> Any:
        start = time.perf_counter()
        told = own(*given)
        asked[0] = time.perf_counter() - start
        return told

    build.tell = timed
    teacher = {"kind": "distill", "teacher": str(folder / "teacher"), "divergence": "jsd", "top": int(way)}
    sections = {
        "data": {"train": [str(folder / "chat.jsonl")]},
        "objective": teacher,
        "train": {"epochs": arguments.steps, "batch_samples": len(beside.read_rows(folder / "chat.jsonl"))},
    }
    found, _ = beside.whet_steps(folder, sections, arguments)
    return {**found, "once_s": asked[0]}


def trl(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    rows = beside.read_rows(folder / "chat.jsonl")

    def build(output: str) -> GKDTrainer:
        settings = GKDConfig(
            lmbda=0.0, beta=0.5, temperature=1.0, max_length=beside.MAX_TOKENS, num_train_epochs=arguments.steps,
            **beside.trl_settings(output, len(rows), arguments),
        )  # fmt: skip
        return GKDTrainer(
            model=beside.load(folder / "model"), teacher_model=beside.load(folder / "teacher"), args=settings,
            train_dataset=Dataset.from_list(rows), processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        )  # fmt: skip

    return beside.trl_steps(build, arguments)


if __name__ == "__main__":
    main()
