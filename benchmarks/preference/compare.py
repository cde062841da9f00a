"""DPO with whet and with TRL's DPOTrainer on the same pairs, model and tokens: time of a step, peak memory, loss.

    python benchmarks/preference/compare.py --rival-python .venv-rival/bin/python

Pairs of `instruct/dpo_en_demo.json` of at most `MAX_TOKENS` tokens; every step sees all of them. TRL is measured as it
comes (a second model as the reference) and with `precompute_ref_log_probs`; whet with its default, which stores the
reference. What storing takes is listed beside the step. `beside_trl.py` says how each is measured.
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

BETA = 0.1
TOOLS = {"whet": ("whet", "stored"), "trl": ("trl", "copy"), "trl precomputed": ("trl", "stored")}


def main() -> None:
    options = beside.parser(__doc__)
    options.add_argument("--pairs", type=int, default=8)
    beside.compare(
        __file__, options.parse_args(), workers={"whet": whet, "trl": trl}, tools=TOOLS, prepare=prepare,
        ratios=[("whet", "trl"), ("whet", "trl precomputed")], check=beside.same_loss(list(TOOLS), 2e-3),
    )  # fmt: skip


def prepare(folder: Path, arguments: argparse.Namespace) -> None:
    """The first short pairs in TRL's columns."""
    tokenizer, kept = beside.build_models(folder, arguments.data), []
    for row in json.loads((arguments.data / "instruct" / "dpo_en_demo.json").read_text()):
        roles = {"human": "user", "gpt": "assistant", "system": "system"}
        prompt = [{"role": roles[m["from"]], "content": m["value"]} for m in row["conversations"]]
        sides = {k: [{"role": "assistant", "content": row[k]["value"]}] for k in ("chosen", "rejected")}
        lengths = [len(tokenizer.apply_chat_template(prompt + s)["input_ids"]) for s in sides.values()]
        if max(lengths) <= beside.MAX_TOKENS:
            kept.append({"prompt": prompt, **sides})
    rows = kept[: arguments.pairs]
    beside.write_rows(folder / "pairs.jsonl", rows)
    print(
        f"{len(rows)} pairs a step, at most {beside.MAX_TOKENS} tokens a reply with its prompt, fp32, 2 threads",
        flush=True,
    )


def whet(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    from whet.train import build

    own, stored = build.remember, [0.0]

    def timed(*given: Any, **named: Any) -> Any:
        start = time.perf_counter()
        found = own(*given, **named)
        stored[0] = time.perf_counter() - start
        return found

    build.remember = timed
    sections = {
        "data": {"train": [str(folder / "pairs.jsonl")]},
        "objective": {"kind": "dpo", "beta": BETA, "reference": way},
        "train": {"epochs": arguments.steps, "batch_samples": len(beside.read_rows(folder / "pairs.jsonl"))},
    }
    found, _ = beside.whet_steps(folder, sections, arguments)
    return {**found, "once_s": stored[0]}


def trl(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import DPOConfig, DPOTrainer

    rows, once = beside.read_rows(folder / "pairs.jsonl"), [0.0]

    def build(output: str) -> DPOTrainer:
        settings = DPOConfig(
            beta=BETA, max_length=None, precompute_ref_log_probs=way == "stored", num_train_epochs=arguments.steps,
            **beside.trl_settings(output, len(rows), arguments),
        )  # fmt: skip
        start = time.perf_counter()
        trainer = DPOTrainer(
            model=beside.load(folder / "model"),
            ref_model=None if way == "stored" else beside.load(folder / "model"),
            args=settings, train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        )  # fmt: skip
        once[0] = time.perf_counter() - start if way == "stored" else 0.0
        return trainer

    return {**beside.trl_steps(build, arguments), "once_s": once[0]}


if __name__ == "__main__":
    main()
