"""What comparisons with TRL's trainers share: a model, fresh processes in turning order, and ratios within a round.

A script hands `compare` its tools by label, each a worker (`whet` or `trl`) with an argument, and the pairs of labels
whose ratios are told. A worker runs in a fresh process on two threads and prints one line of JSON: `step_s`, `peak_mib`
above what its imports took, figures that describe it, and `once_s`, what is paid once before the first step.
Set in TRL's favour on CPU: no gradient checkpointing, fp32, SDPA, fused AdamW.
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1")
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
HERE = Path(__file__).resolve().parent
SFT = HERE / "sft"
sys.path.insert(0, str(SFT))
MAX_TOKENS = 512
# Nothing follows a reply's end token, so that all tools train the same tokens.
TEMPLATE = (
    "{% for m in messages %}{{ '### ' + m.role + ':\\n' + m.content + eos_token }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### assistant:\\n' }}{% endif %}"
)
Result = dict[str, Any]
Round = dict[str, Result]
Worker = Callable[[Path, str, argparse.Namespace], Result]


def parser(description: str) -> argparse.ArgumentParser:
    """The options of every comparison."""
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument("--rival-python", help="a python that has trl")
    made.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    made.add_argument("--rounds", type=int, default=2)
    made.add_argument("--steps", type=int, default=2)
    made.add_argument("--trl-micro", type=int, default=1, help="rows at once")
    made.add_argument("--whet-micro", type=int, default=1024, help="tokens at once")
    made.add_argument("--worker", nargs=3, metavar=("TOOL", "WAY", "FOLDER"), help=argparse.SUPPRESS)
    return made


def compare(
    script: str,
    arguments: argparse.Namespace,
    *,
    workers: Mapping[str, Worker],
    tools: Mapping[str, tuple[str, str]],
    ratios: Sequence[tuple[str, str]],
    prepare: Callable[[Path, argparse.Namespace], None],
    check: Callable[[Round], str | None],
) -> None:
    """Be the worker that was asked for, or prepare, measure all rounds and print medians and ratios.

    `check` says what is wrong with a round whose tools did not do the same.
    """
    if arguments.worker:
        tool, way, folder = arguments.worker
        print(json.dumps(workers[tool](Path(folder), way, arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), arguments)
        rounds = [_round(script, Path(folder), arguments, tools, number) for number in range(arguments.rounds)]
    for found in rounds:
        if complaint := check(found):
            sys.exit(complaint)
    _summarise(rounds, tools, ratios)


def same_loss(names: Sequence[str], tolerance: float) -> Callable[[Round], str | None]:
    """A check that mean losses agree."""

    def check(found: Round) -> str | None:
        losses = [found[name]["loss"] for name in names]
        differ = max(losses) - min(losses) > tolerance * max(losses)
        return f"the tools do not train the same thing: mean losses {losses}" if differ else None

    return check


def build_models(folder: Path, data: Path) -> Any:
    """The model of the fine-tuning benchmark in `folder`/model, with our template; returns the tokenizer."""
    command = [sys.executable, str(SFT / "prepare.py"), str(folder), "--data", str(data), "--rows", "4"]
    subprocess.run(command, check=True, capture_output=True)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "model")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder / "model")
    return tokenizer


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def whet_steps(
    folder: Path, sections: Mapping[str, Any], arguments: argparse.Namespace
) -> tuple[Result, list[Mapping[str, float]]]:
    """Steps of a run of whet with these sections: the result, and the metrics of each step."""
    import peft  # noqa: F401 - TRL's imports bring peft; the baseline of memory should be equal
    import torch
    from measure import peak_rss_bytes, rss_bytes
    from setting import BETAS, CLIP_NORM, EPSILON, LEARNING_RATE, SEED, WEIGHT_DECAY

    from whet.base.config import from_mapping
    from whet.train import build

    baseline = rss_bytes()
    with tempfile.TemporaryDirectory() as output:
        train = {"micro_batch": arguments.whet_micro, "clip": CLIP_NORM, "checkpoint_every": 1000,
                 "threads": torch.get_num_threads(), **sections.get("train", {})}  # fmt: skip
        settings = {
            "name": "bench", "seed": SEED, "model": str(folder / "model"),
            "optimizer": {"lr": LEARNING_RATE, "betas": BETAS, "eps": EPSILON, "weight_decay": WEIGHT_DECAY},
            "schedule": {"kind": "constant", "warmup": 0}, "track": {"folder": output, "sinks": []},
            **sections, "train": train,
        }  # fmt: skip
        loop, metrics = build.assemble(from_mapping(settings)).loop, []
        loop.emit = lambda record: metrics.append(record.metrics) if record.kind == "step" else None
        start = time.perf_counter()
        for number in range(arguments.steps):
            loop.advance(loop.source.next(number))
        seconds = time.perf_counter() - start
    return result(seconds, [m["loss"] for m in metrics], arguments.steps, peak_rss_bytes() - baseline), metrics


def trl_settings(output: str, num_rows: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """What every trainer of TRL is told: all rows in a step, and what whet is told."""
    from setting import BETAS, CLIP_NORM, EPSILON, LEARNING_RATE, SEED, WEIGHT_DECAY

    micro = min(arguments.trl_micro, num_rows)  # TRL makes no step of a batch that is not whole
    return {
        "output_dir": output, "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": -(-num_rows // micro), "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "constant", "warmup_steps": 0, "adam_beta1": BETAS[0], "adam_beta2": BETAS[1],
        "adam_epsilon": EPSILON, "weight_decay": WEIGHT_DECAY, "max_grad_norm": CLIP_NORM,
        "optim": "adamw_torch_fused", "bf16": False, "use_cpu": True, "gradient_checkpointing": False,
        "logging_strategy": "no", "save_strategy": "no", "eval_strategy": "no", "report_to": "none",
        "disable_tqdm": True, "dataloader_pin_memory": False, "seed": SEED,
    }  # fmt: skip


def trl_steps(build: Callable[[str], Any], arguments: argparse.Namespace) -> Result:
    """Steps of the trainer that `build` makes with an output folder. Modules must be imported before."""
    from measure import peak_rss_bytes, rss_bytes
    from transformers import TrainerCallback

    class Stopwatch(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.start = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds = time.perf_counter() - self.start

    baseline, watch = rss_bytes(), Stopwatch()
    with tempfile.TemporaryDirectory() as output:
        trainer = build(output)
        trainer.add_callback(watch)
        outcome = trainer.train()
    return result(watch.seconds, [outcome.training_loss], arguments.steps, peak_rss_bytes() - baseline)


def load(path: Path) -> Any:
    """A model as TRL is to train it."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="sdpa")


def result(seconds: float, losses: Sequence[float], steps: int, peak: int) -> Result:
    return {"step_s": seconds / steps, "peak_mib": peak / 2**20, "loss": sum(losses) / len(losses)}


def _round(
    script: str, folder: Path, arguments: argparse.Namespace, tools: Mapping[str, tuple[str, str]], number: int
) -> Round:
    names = list(tools)
    found: Round = {}
    for name in names[number % len(names) :] + names[: number % len(names)]:
        tool, way = tools[name]
        python = sys.executable if tool == "whet" else arguments.rival_python
        command = [python, script, "--worker", tool, way, str(folder)]
        for option, value in vars(arguments).items():
            if option not in ("worker", "rival_python", "data", "rounds"):
                command += [f"--{option.replace('_', '-')}", str(value)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "2"})
        if done.returncode:
            sys.exit(f"{name} failed:\n{done.stderr[-3000:]}")
        found[name] = json.loads(done.stdout.strip().splitlines()[-1])
        print(f"round {number + 1}  {_described(name, found[name], names)}", flush=True)
    return found


def _described(name: str, result: Result, names: Sequence[str]) -> str:
    shown = [f"{name:<{max(map(len, names))}} {result['step_s']:.2f} s a step", f"{result['peak_mib']:.0f} MiB"]
    rest = {k: v for k, v in result.items() if k not in ("step_s", "peak_mib", "once_s")}
    shown += [f"{key} {value:.6g}" for key, value in rest.items()]
    return "  ".join(shown + ([f"once {result['once_s']:.2f} s"] if result.get("once_s") else []))


def _summarise(rounds: Sequence[Round], tools: Mapping[str, Any], ratios: Sequence[tuple[str, str]]) -> None:
    width = max(map(len, tools))
    print(f"\nmedian of {len(rounds)} rounds (lowest to highest); memory is the peak above what the imports took")
    for name in tools:
        steps, peaks = ([r[name][key] for r in rounds] for key in ("step_s", "peak_mib"))
        print(
            f"{name:<{width}} {statistics.median(steps):.2f} s a step ({min(steps):.2f} to {max(steps):.2f})  "
            f"{statistics.median(peaks):.0f} MiB ({min(peaks):.0f} to {max(peaks):.0f})"
        )
    for ours, theirs in ratios:
        for key, words in (("step_s", "time of a step"), ("peak_mib", "peak memory")):
            found = [r[ours][key] / r[theirs][key] for r in rounds]
            print(f"{ours} / {theirs}: {words} x {statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})")
