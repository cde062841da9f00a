"""DPO with whet and with TRL's DPOTrainer on the same pairs, model and tokens: time of a step, peak memory, loss.

    python benchmarks/preference/compare.py --rival-python .venv-rival/bin/python

Pairs of `instruct/dpo_en_demo.json` of at most `MAX_TOKENS` tokens; every step sees all of them. Each measurement is
a fresh process on two threads, in turning order, ratios within a round. TRL is measured as it comes (a second model as
the reference) and with `precompute_ref_log_probs`; whet with its default, which stores the reference. What storing
takes is listed beside the step. Set in TRL's favour on CPU: no gradient checkpointing, fp32, SDPA, fused AdamW.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
HERE = Path(__file__).resolve().parent
SFT = HERE.parent / "sft"
sys.path.insert(0, str(SFT))
MAX_TOKENS, BETA = 512, 0.1
LOSS_TOLERANCE = 2e-3
# Nothing follows a reply's end token, so that all tools train the same tokens.
TEMPLATE = (
    "{% for m in messages %}{{ '### ' + m.role + ':\\n' + m.content + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant:\\n' }}{% endif %}"
)
TOOLS = {"whet": ("whet", "stored"), "trl": ("trl", "copy"), "trl precomputed": ("trl", "stored")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival-python", help="a python that has trl")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--trl-micro", type=int, default=1, help="pairs at once")
    parser.add_argument("--whet-micro", type=int, default=1024, help="tokens at once")
    parser.add_argument("--worker", nargs=3, metavar=("TOOL", "WAY", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.worker:
        tool, way, folder = arguments.worker
        print(json.dumps((whet if tool == "whet" else trl)(Path(folder), way, arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), arguments)
        rounds = [run_round(Path(folder), arguments, number) for number in range(arguments.rounds)]
    summarise(rounds)


def prepare(folder: Path, arguments: argparse.Namespace) -> None:
    """The model and tokenizer of the fine-tuning benchmark, and the first short pairs in TRL's columns."""
    command = [sys.executable, str(SFT / "prepare.py"), str(folder), "--data", str(arguments.data), "--rows", "4"]
    subprocess.run(command, check=True, capture_output=True)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder / "model")
    kept = []
    for row in json.loads((arguments.data / "instruct" / "dpo_en_demo.json").read_text()):
        roles = {"human": "user", "gpt": "assistant", "system": "system"}
        prompt = [{"role": roles[m["from"]], "content": m["value"]} for m in row["conversations"]]
        sides = {k: [{"role": "assistant", "content": row[k]["value"]}] for k in ("chosen", "rejected")}
        lengths = [len(tokenizer.apply_chat_template(prompt + s)["input_ids"]) for s in sides.values()]
        if max(lengths) <= MAX_TOKENS:
            kept.append({"prompt": prompt, **sides})
    rows = kept[: arguments.pairs]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    print(f"{len(rows)} pairs a step, at most {MAX_TOKENS} tokens a reply with its prompt, fp32, 2 threads", flush=True)


def run_round(folder: Path, arguments: argparse.Namespace, number: int) -> dict[str, dict[str, Any]]:
    names = list(TOOLS)
    turned = names[number % len(names) :] + names[: number % len(names)]
    found = {}
    for name in turned:
        tool, way = TOOLS[name]
        python = sys.executable if tool == "whet" else arguments.rival_python
        command = [python, __file__, "--worker", tool, way, str(folder), "--steps", str(arguments.steps)]
        command += ["--trl-micro", str(arguments.trl_micro), "--whet-micro", str(arguments.whet_micro)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"round {number + 1}  {describe(name, found[name])}", flush=True)
    losses = [result["loss"] for result in found.values()]
    if max(losses) - min(losses) > LOSS_TOLERANCE * max(losses):
        sys.exit(f"the tools do not train the same thing: mean losses {losses}")
    return found


def describe(name: str, result: dict[str, Any]) -> str:
    stored = f"  storing {result['stored_s']:.2f} s" if result["stored_s"] else ""
    return (
        f"{name:<16} {result['step_s']:.2f} s a step  {result['peak_mib']:.0f} MiB  loss {result['loss']:.5f}{stored}"
    )


def summarise(rounds: list[dict[str, dict[str, Any]]]) -> None:
    print(f"\nmedian of {len(rounds)} rounds (lowest to highest); memory is the peak above what the imports took")
    for name in TOOLS:
        steps, peaks = ([r[name][key] for r in rounds] for key in ("step_s", "peak_mib"))
        print(
            f"{name:<16} {statistics.median(steps):.2f} s a step ({min(steps):.2f} to {max(steps):.2f})  "
            f"{statistics.median(peaks):.0f} MiB ({min(peaks):.0f} to {max(peaks):.0f})"
        )
    for name in list(TOOLS)[1:]:
        for key, words in (("step_s", "time of a step"), ("peak_mib", "peak memory")):
            ratios = [r["whet"][key] / r[name][key] for r in rounds]
            print(f"whet / {name}: {words} x {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def whet(folder: Path, way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    import peft  # noqa: F401 - TRL's imports bring peft; the baseline of memory should be equal
    import torch
    from measure import peak_rss_bytes, rss_bytes
    from setting import BETAS, CLIP_NORM, EPSILON, LEARNING_RATE, SEED, WEIGHT_DECAY

    from whet.base.config import from_mapping
    from whet.train import build, reference

    baseline, stored = rss_bytes(), [0.0]
    own = reference.remember

    def timed(*given: Any, **named: Any) -> None:
        start = time.perf_counter()
        own(*given, **named)
        stored[0] = time.perf_counter() - start

    build.remember = timed
    num_rows = len((folder / "pairs.jsonl").read_text().splitlines())
    with tempfile.TemporaryDirectory() as output:
        settings = {
            "name": "bench", "seed": SEED, "model": str(folder / "model"),
            "data": {"train": [str(folder / "pairs.jsonl")]},
            "objective": {"kind": "dpo", "beta": BETA, "reference": way},
            "optimizer": {"lr": LEARNING_RATE, "betas": BETAS, "eps": EPSILON, "weight_decay": WEIGHT_DECAY},
            "schedule": {"kind": "constant", "warmup": 0},
            "train": {"epochs": arguments.steps, "batch_samples": num_rows, "micro_batch": arguments.whet_micro,
                      "clip": CLIP_NORM, "checkpoint_every": 1000, "threads": torch.get_num_threads()},
            "track": {"folder": output, "sinks": []},
        }  # fmt: skip
        loop, losses = build.assemble(from_mapping(settings)).loop, []
        loop.emit = lambda record: losses.append(record.metrics["loss"]) if record.kind == "step" else None
        start = time.perf_counter()
        for number in range(arguments.steps):
            loop.advance(loop.source.next(number))
        seconds = time.perf_counter() - start
    return result(seconds, losses, arguments.steps, stored[0], peak_rss_bytes() - baseline)


def trl(folder: Path, way: str, arguments: argparse.Namespace) -> dict[str, Any]:
    import torch
    from datasets import Dataset
    from measure import peak_rss_bytes, rss_bytes
    from setting import BETAS, CLIP_NORM, EPSILON, LEARNING_RATE, SEED, WEIGHT_DECAY
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    class Stopwatch(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.start = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds = time.perf_counter() - self.start

    baseline = rss_bytes()
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    micro = arguments.trl_micro
    with tempfile.TemporaryDirectory() as output:
        settings = DPOConfig(
            output_dir=output, beta=BETA, max_length=None, precompute_ref_log_probs=way == "stored",
            per_device_train_batch_size=micro, gradient_accumulation_steps=-(-len(rows) // micro),
            num_train_epochs=arguments.steps, learning_rate=LEARNING_RATE, lr_scheduler_type="constant",
            warmup_steps=0, adam_beta1=BETAS[0], adam_beta2=BETAS[1], adam_epsilon=EPSILON,
            weight_decay=WEIGHT_DECAY, max_grad_norm=CLIP_NORM, optim="adamw_torch_fused", bf16=False, use_cpu=True,
            gradient_checkpointing=False, logging_strategy="no", save_strategy="no", eval_strategy="no",
            report_to="none", disable_tqdm=True, dataloader_pin_memory=False, seed=SEED,
        )  # fmt: skip
        how = {"dtype": torch.float32, "attn_implementation": "sdpa"}
        start = time.perf_counter()
        trainer = DPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(folder / "model", **how),
            ref_model=None if way == "stored" else AutoModelForCausalLM.from_pretrained(folder / "model", **how),
            args=settings, train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(folder / "model"), callbacks=[watch := Stopwatch()],
        )  # fmt: skip
        built = time.perf_counter() - start
        outcome = trainer.train()
    stored = built if way == "stored" else 0.0
    losses = [outcome.training_loss]
    return result(watch.seconds, losses, arguments.steps, stored, peak_rss_bytes() - baseline)


def result(seconds: float, losses: list[float], steps: int, stored_s: float, peak: int) -> dict[str, Any]:
    mean = sum(losses) / len(losses)
    return {"step_s": seconds / steps, "loss": mean, "stored_s": stored_s, "peak_mib": peak / 2**20}


if __name__ == "__main__":
    main()
