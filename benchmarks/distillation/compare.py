"""Distillation with whet and with TRL's GKDTrainer on the same rows, models and tokens: time of a step, peak memory.

    python benchmarks/distillation/compare.py --rival-python .venv-rival/bin/python

Conversations of Alpaca of at most `MAX_TOKENS` tokens; every step sees all of them; generalised JSD with beta 0.5. The
student is the model of the fine-tuning benchmark, the teacher one of the same vocabulary, wider and deeper. Each
measurement is a fresh process on two threads, in turning order, ratios within a round. TRL learns from the rows
(`lmbda=0`), so nobody generates. Set in its favour on CPU: no gradient checkpointing, fp32, SDPA, fused AdamW.
`whet stored` learns from 64 likeliest tokens; what asking the teacher takes beforehand is listed beside the step.
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
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
HERE = Path(__file__).resolve().parent
SFT = HERE.parent / "sft"
sys.path.insert(0, str(SFT))
MAX_TOKENS, TOP = 512, 64
TEACHER = {"hidden_size": 512, "intermediate_size": 1408, "num_hidden_layers": 10, "num_attention_heads": 8}
LOSS_TOLERANCE = 1e-3
# Nothing follows a reply's end token, so that all tools train the same tokens.
TEMPLATE = (
    "{% for m in messages %}{{ '### ' + m.role + ':\\n' + m.content + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant:\\n' }}{% endif %}"
)
TOOLS = {"whet": ("whet", 0), "whet stored": ("whet", TOP), "trl": ("trl", 0)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival-python", help="a python that has trl")
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--trl-micro", type=int, default=1, help="rows at once")
    parser.add_argument("--whet-micro", type=int, default=1024, help="tokens at once")
    parser.add_argument("--worker", nargs=3, metavar=("TOOL", "TOP", "FOLDER"))
    arguments = parser.parse_args()
    if arguments.worker:
        tool, top, folder = arguments.worker
        worker = whet if tool == "whet" else trl
        print(json.dumps(worker(Path(folder), int(top), arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), arguments)
        rounds = [run_round(Path(folder), arguments, number) for number in range(arguments.rounds)]
    summarise(rounds)


def prepare(folder: Path, arguments: argparse.Namespace) -> None:
    """Student, teacher and tokenizer, and the first short rows as conversations."""
    import torch
    from setting import MODEL
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    command = [sys.executable, str(SFT / "prepare.py"), str(folder), "--data", str(arguments.data), "--rows", "4"]
    subprocess.run(command, check=True, capture_output=True)
    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(1)
    teacher = LlamaForCausalLM(LlamaConfig(**{**MODEL, **TEACHER, "initializer_range": 0.06}))
    teacher.config.eos_token_id = tokenizer.eos_token_id
    teacher.save_pretrained(folder / "teacher")
    for name in ("model", "teacher"):
        tokenizer.save_pretrained(folder / name)
    rows, tokens = [], 0
    for row in json.loads((arguments.data / "instruct" / "alpaca_en_demo.json").read_text()):
        asked = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
        turns = {"user": asked, "assistant": row["output"]}
        messages = [{"role": role, "content": text} for role, text in turns.items()]
        length = len(tokenizer.apply_chat_template(messages)["input_ids"])
        if length <= MAX_TOKENS and len(rows) < arguments.rows:
            rows.append({"messages": messages})
            tokens += length
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    size = sum(p.numel() for p in teacher.parameters()) / 1e6
    print(
        f"{len(rows)} rows of {tokens:,} tokens a step, teacher of {size:.1f} M parameters, fp32, 2 threads", flush=True
    )


def run_round(folder: Path, arguments: argparse.Namespace, number: int) -> dict[str, dict[str, Any]]:
    names = list(TOOLS)
    turned = names[number % len(names) :] + names[: number % len(names)]
    found = {}
    for name in turned:
        tool, top = TOOLS[name]
        python = sys.executable if tool == "whet" else arguments.rival_python
        command = [python, __file__, "--worker", tool, str(top), str(folder), "--steps", str(arguments.steps)]
        command += ["--trl-micro", str(arguments.trl_micro), "--whet-micro", str(arguments.whet_micro)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"round {number + 1}  {describe(name, found[name])}", flush=True)
    losses = [found[name]["loss"] for name in ("whet", "trl")]
    if max(losses) - min(losses) > LOSS_TOLERANCE * max(losses):
        sys.exit(f"the tools do not train the same thing: mean losses {losses}")
    return found


def describe(name: str, result: dict[str, Any]) -> str:
    asked = f"  asking before {result['asked_s']:.2f} s" if result["asked_s"] else ""
    return f"{name:<12} {result['step_s']:.2f} s a step  {result['peak_mib']:.0f} MiB  loss {result['loss']:.6f}{asked}"


def summarise(rounds: list[dict[str, dict[str, Any]]]) -> None:
    print(f"\nmedian of {len(rounds)} rounds (lowest to highest); memory is the peak above what the imports took")
    for name in TOOLS:
        steps, peaks = ([r[name][key] for r in rounds] for key in ("step_s", "peak_mib"))
        print(
            f"{name:<12} {statistics.median(steps):.2f} s a step ({min(steps):.2f} to {max(steps):.2f})  "
            f"{statistics.median(peaks):.0f} MiB ({min(peaks):.0f} to {max(peaks):.0f})"
        )
    for name in ("whet", "whet stored"):
        for key, words in (("step_s", "time of a step"), ("peak_mib", "peak memory")):
            ratios = [r[name][key] / r["trl"][key] for r in rounds]
            print(f"{name} / trl: {words} x {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def whet(folder: Path, top: int, arguments: argparse.Namespace) -> dict[str, Any]:
    import peft  # noqa: F401 - TRL's imports bring peft; the baseline of memory should be equal
    import torch
    from measure import peak_rss_bytes, rss_bytes
    from setting import BETAS, CLIP_NORM, EPSILON, LEARNING_RATE, SEED, WEIGHT_DECAY

    from whet.base.config import from_mapping
    from whet.train import build

    baseline, asked, own = rss_bytes(), [0.0], build.tell

    def timed(*given: Any) -> Any:
        start = time.perf_counter()
        told = own(*given)
        asked[0] = time.perf_counter() - start
        return told

    build.tell = timed
    num_rows = len((folder / "rows.jsonl").read_text().splitlines())
    with tempfile.TemporaryDirectory() as output:
        settings = {
            "name": "bench", "seed": SEED, "model": str(folder / "model"),
            "data": {"train": [str(folder / "rows.jsonl")]},
            "objective": {"kind": "distill", "teacher": str(folder / "teacher"), "divergence": "jsd", "top": top},
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
    return result(seconds, losses, arguments.steps, asked[0], peak_rss_bytes() - baseline)


def trl(folder: Path, top: int, arguments: argparse.Namespace) -> dict[str, Any]:
    import torch
    from datasets import Dataset
    from measure import peak_rss_bytes, rss_bytes
    from setting import BETAS, CLIP_NORM, EPSILON, LEARNING_RATE, SEED, WEIGHT_DECAY
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl.experimental.gkd import GKDConfig, GKDTrainer

    class Stopwatch(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.start = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds = time.perf_counter() - self.start

    baseline = rss_bytes()
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    micro = arguments.trl_micro
    with tempfile.TemporaryDirectory() as output:
        settings = GKDConfig(
            output_dir=output, lmbda=0.0, beta=0.5, temperature=1.0, max_length=MAX_TOKENS,
            per_device_train_batch_size=micro, gradient_accumulation_steps=-(-len(rows) // micro),
            num_train_epochs=arguments.steps, learning_rate=LEARNING_RATE, lr_scheduler_type="constant",
            warmup_steps=0, adam_beta1=BETAS[0], adam_beta2=BETAS[1], adam_epsilon=EPSILON,
            weight_decay=WEIGHT_DECAY, max_grad_norm=CLIP_NORM, optim="adamw_torch_fused", bf16=False, use_cpu=True,
            gradient_checkpointing=False, logging_strategy="no", save_strategy="no", eval_strategy="no",
            report_to="none", disable_tqdm=True, dataloader_pin_memory=False, seed=SEED,
        )  # fmt: skip
        student, teacher = (
            AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32, attn_implementation="sdpa")
            for name in ("model", "teacher")
        )
        trainer = GKDTrainer(
            model=student, teacher_model=teacher, args=settings, train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(folder / "model"), callbacks=[watch := Stopwatch()],
        )  # fmt: skip
        outcome = trainer.train()
    return result(watch.seconds, [outcome.training_loss], arguments.steps, 0.0, peak_rss_bytes() - baseline)


def result(seconds: float, losses: list[float], steps: int, asked_s: float, peak: int) -> dict[str, Any]:
    mean = sum(losses) / len(losses)
    return {"step_s": seconds / steps, "loss": mean, "asked_s": asked_s, "peak_mib": peak / 2**20}


if __name__ == "__main__":
    main()
