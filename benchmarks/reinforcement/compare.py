"""GRPO with whet and with TRL's GRPOTrainer on the same prompts and model: time of a step, peak memory.

    python benchmarks/reinforcement/compare.py --rival-python .venv-rival/bin/python

Questions of Alpaca; a step answers `--prompts` of them `--completions` times with at most `--tokens` tokens (a random
model hardly ever ends by itself), grades the share of vowels, and updates once: temperature 1, no filters, no
reference, DAPO's normalisation, advantages by group. Both generate with the model in training through transformers'
forward pass in fp32. `beside_trl.py` says how each is measured. TRL learns from 8 completions at once, its default, and
from one, which takes least memory.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import beside_trl as beside

TOOLS = {"whet": ("whet", "512"), "trl": ("trl", "8"), "trl, 1 at once": ("trl", "1")}
PROMPT_TOKENS = (64, 192)
REWARD = """\
def vowels(completion):
    return sum(c in "aeiou" for c in completion) / max(len(completion), 1)
"""


def main() -> None:
    options = beside.parser(__doc__)
    options.add_argument("--prompts", type=int, default=4)
    options.add_argument("--completions", type=int, default=8)
    options.add_argument("--tokens", type=int, default=128)
    beside.compare(
        __file__, options.parse_args(), workers={"whet": whet, "trl": trl}, tools=TOOLS, prepare=prepare,
        ratios=[("whet", name) for name in list(TOOLS)[1:]], check=same_work,
    )  # fmt: skip


def same_work(found: beside.Round) -> str | None:
    """Losses are of different draws: what must agree is how much was drawn, and how large the gradient is."""
    lengths = {name: result["length"] for name, result in found.items()}
    norms = [result["grad_norm"] for result in found.values()]
    if max(lengths.values()) > 1.05 * min(lengths.values()):
        return f"the answers are not equally long: {lengths}"
    return None if max(norms) < 2 * min(norms) else f"the tools do not learn the same: gradient norms {norms}"


def prepare(folder: Path, arguments: argparse.Namespace) -> None:
    """The model, and prompts of a middling length."""
    tokenizer, kept = beside.build_models(folder, arguments.data), []
    for row in json.loads((arguments.data / "instruct" / "alpaca_en_demo.json").read_text()):
        asked = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
        prompt = [{"role": "user", "content": asked}]
        length = len(tokenizer.apply_chat_template(prompt, add_generation_prompt=True)["input_ids"])
        if PROMPT_TOKENS[0] <= length <= PROMPT_TOKENS[1]:
            kept.append({"prompt": prompt, "length": length})
    rows = kept[: arguments.prompts]
    beside.write_rows(folder / "prompts.jsonl", rows)
    (folder / "rewards.py").write_text(REWARD)
    tokens = sum(row["length"] for row in rows)
    print(
        f"{len(rows)} prompts of {tokens:,} tokens a step, {arguments.completions} answers of {arguments.tokens} "
        "tokens to each, fp32, 2 threads",
        flush=True,
    )


def whet(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    arguments.whet_micro = int(way)
    sections = {
        "data": {"train": [str(folder / "prompts.jsonl")]},
        "objective": {"kind": "grpo"},
        "rewards": {"functions": [f"{folder / 'rewards.py'}:vowels"], "workers": 1},
        "rollout": {
            "prompts": arguments.prompts, "completions": arguments.completions, "max_new_tokens": arguments.tokens,
        },
        "train": {"steps": arguments.steps},
    }  # fmt: skip
    found, metrics = beside.whet_steps(folder, sections, arguments)
    shown = {key: sum(m[key] for m in metrics) / len(metrics) for key in ("length", "rollout_s", "scoring_s")}
    return {**found, **shown, "grad_norm": metrics[0]["grad_norm"]}


def trl(folder: Path, way: str, arguments: argparse.Namespace) -> beside.Result:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    arguments.trl_micro = int(way)
    namespace: dict[str, Any] = {}
    exec(REWARD, namespace)
    lengths: list[int] = []
    norms: list[float] = []

    def vowels(completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float]:
        lengths.extend(map(len, completion_ids))
        return [namespace["vowels"](said[0]["content"]) for said in completions]

    def build(output: str) -> GRPOTrainer:
        rows = [{"prompt": row["prompt"]} for row in beside.read_rows(folder / "prompts.jsonl")]
        shared = beside.trl_settings(output, arguments.prompts * arguments.completions, arguments)
        settings = GRPOConfig(
            num_generations=arguments.completions, max_completion_length=arguments.tokens, temperature=1.0, beta=0.0,
            loss_type="dapo", max_steps=arguments.steps, **{**shared, "logging_strategy": "steps", "logging_steps": 1},
        )  # fmt: skip
        trainer = GRPOTrainer(
            model=beside.load(folder / "model"), reward_funcs=vowels, args=settings,
            train_dataset=Dataset.from_list(rows), processing_class=AutoTokenizer.from_pretrained(folder / "model"),
        )  # fmt: skip
        own = trainer.log
        trainer.log = lambda logs, *given: norms.append(logs["grad_norm"]) if "grad_norm" in logs else own(logs, *given)
        return trainer

    found = beside.trl_steps(build, arguments)
    return {**found, "length": sum(lengths) / len(lengths), "grad_norm": float(norms[0])}


if __name__ == "__main__":
    main()
