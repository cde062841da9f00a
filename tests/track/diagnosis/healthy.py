"""Runs in which nothing is wrong, of many kinds: no rule may find anything in them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import whet.track as track
from tests.tiny import LLAMA, sentence, tokenizer, write_rows
from tests.track.diagnosis.failing import rows_of, sampled, scripted, settings, trained, unlike
from tests.train.cut import cut_after
from tests.train.test_rollouts import settings as rollouts
from whet.base import config as configs
from whet.base.config import from_mapping
from whet.base.seeds import forked
from whet.demo.configs import TINY, pretrain_yaml, sft_yaml
from whet.train.api import train
from whet.train.build import assemble
from whet.train.run.folder import RunFolder

Make = Callable[[Path], Path]
RECIPE = {"train": {"steps": 30}, "optimizer": {"lr": 3e-3}}


def tuned(**sections: Any) -> Make:
    """Fine-tuning on all rows but some that are measured."""

    def make(folder: Path) -> Path:
        held = write_rows(folder / "held.jsonl", unlike(8, start=200))
        data = {**rows_of(folder, "enough", unlike(160)), "held_out": [str(held)], **sections.pop("data", {})}
        return trained(folder, "healthy", **{**RECIPE, **sections, "data": data})

    return make


def adapted(kind: str, **of_kind: Any) -> Make:
    """An adapter on a stored model, whose layers are watched."""

    def make(folder: Path) -> Path:
        from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

        settings(folder, "healthy")
        words = AutoTokenizer.from_pretrained(folder / "tokenizer")
        with forked(0, "base"):
            model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**LLAMA, vocab_size=len(words)))
        model.save_pretrained(folder / "base")
        words.save_pretrained(folder / "base")
        tuner = {"kind": kind, "rank": 4, **of_kind}
        return tuned(model=str(folder / "base"), tuner=tuner, track={"layers_every": 4})(folder)

    return make


def pretrained(**sections: Any) -> Make:
    """Raw text in packed pieces."""

    def make(folder: Path) -> Path:
        texts = [{"text": sentence(i, 60 + 40 * (i % 5))} for i in range(60)]
        data = {**rows_of(folder, "texts", texts), "max_length": 64}
        return trained(folder, "healthy", objective="pretrain", **{**RECIPE, **sections, "data": data})

    return make


def preferred(folder: Path) -> Path:
    pairs = [
        {"prompt": f"{i} {sentence(i, 4)}", "chosen": sentence(i + 1, 3), "rejected": sentence(i + 2, 5)}
        for i in range(80)
    ]
    return trained(
        folder, "healthy", objective="dpo", data=rows_of(folder, "pairs", pairs), optimizer={"lr": 1e-3},
        train={"steps": 30},
    )  # fmt: skip


def rewarded(folder: Path) -> Path:
    """Its loss is 0 on average, and waits for answers."""
    given = rollouts(folder, "healthy", train={"steps": 16}, optimizer={"lr": 3e-3})
    built = assemble(from_mapping({**given, "track": {**given["track"], "sinks": ["log"]}}))
    built.loop.run()
    built.close()
    return built.folder.path


def resumed(folder: Path) -> Path:
    """Twice cut off and twice continued, in the middle of its schedule."""
    path = cut_after(9, settings(folder, "healthy", **RECIPE, schedule={"kind": "cosine", "warmup": 0.2}))
    for until in (20, None):
        built = assemble(configs.load(path / "config.yaml"), RunFolder(path))
        built.loop.cadence = built.loop.cadence.__class__(1, 1, 100)
        for number in range(9, until or 0):
            built.loop.advance(built.loop.source.next(number))
        if until is None:
            built.loop.run()
        built.close()
    return path


def demo(folder: Path) -> Path:
    """The demo's own two configs, one after the other, at the size of its tests."""
    tokenizer(folder / "tokenizer")
    write_rows(folder / "corpus.jsonl", [{"text": sentence(i, 400)} for i in range(60)])
    for name, start, count in (("questions", 0, 120), ("held_out", 300, 12)):
        rows = unlike(count, start)
        chats = [[("user", row["instruction"]), ("assistant", row["output"])] for row in rows]
        said = [{"messages": [{"role": r, "content": c} for r, c in chat]} for chat in chats]
        write_rows(folder / f"{name}.jsonl", said)
    path = folder
    for name, text in (("pretrain", pretrain_yaml(folder, TINY, 40)), ("sft", sft_yaml(folder, TINY, 24))):
        (folder / f"{name}.yaml").write_text(text.replace("runs}", "runs, sinks: [log], hardware_every_s: 0}"))
        path = train(configs.load(folder / f"{name}.yaml"))[0].path
    return path


def first_of_demo(folder: Path) -> Path:
    demo(folder)
    return folder / "runs" / "pretrain"


def steady_machine(folder: Path) -> Path:
    """Memory that fills up and stays, waits and checkpoints that are short, one device throttled for a moment."""
    rng = np.random.default_rng(0)
    path = scripted(folder, "healthy", wait_s=lambda n: 0.02 * rng.random(), data_s=0.5, forward_s=0.3, backward_s=0.6)
    full = 3 << 30
    return sampled(path, {
        "memory/process_bytes": lambda n: full * (1 - math.exp(-n / 2)) + (50 << 20) * rng.random(),
        "gpu0/memory_bytes": lambda n: (20 << 30) + (6 << 30) * (n > 12),
        "gpu0/throttled": lambda n: float(n == 7), "cgroup/throttled_s": lambda n: 0.3 * n,
    })  # fmt: skip


def even_ranks(folder: Path) -> Path:
    """Ranks that differ from step to step, and a first one that does a little more."""
    rng = np.random.default_rng(1)
    for rank in range(4):
        path = scripted(
            folder, "healthy", rank=rank, forward_s=lambda _: 0.3 + 0.1 * rng.random(), backward_s=0.6,
            update_s=0.05 + 0.05 * (rank == 0), wait_s=lambda _: 0.1 * rng.random(),
        )  # fmt: skip
    return path


def noisy_script(folder: Path, seed: int = 0) -> Path:
    """A long run of a script with heavy-tailed noise, restarts of its schedule and a metric that is NaN at times."""
    rng = np.random.default_rng(seed)
    with track.init(name="healthy", dir=folder / "runs") as run:
        for step in range(3000):
            loss = (1.5 + 3 * math.exp(-step / 400)) * math.exp(0.15 * rng.standard_t(4))
            norm = math.exp(0.3 * rng.standard_normal())
            rate = 1e-3 * (0.55 + 0.45 * math.cos(math.pi * (step % 1000) / 1000))
            run.log({"train/loss": loss, "train/grad_norm": norm, "lr": rate, "val/f1": math.nan if step < 50 else 0.5})
            if step % 250 == 249:
                run.log({"val/loss": 1.8 + 2 * math.exp(-step / 500) + 0.02 * rng.standard_normal()})
    return folder / "runs" / "healthy"


HEALTHY: dict[str, Make] = {
    "fine-tuning": tuned(),
    "another seed": tuned(seed=1, evaluate={"every": 5}),
    "LoRA": adapted("lora"),
    "Muon, layers watched": tuned(optimizer={"kind": "muon"}, track={"layers_every": 4}),
    "a row a step": tuned(train={"batch_tokens": 48, "steps": 60}, seed=2),
    "warm-up and decay": tuned(schedule={"kind": "wsd", "warmup": 0.3}),
    "pre-training": pretrained(),
    "preferences": preferred,
    "rewards": rewarded,
    "resumed twice": resumed,
    "the demo's pre-training": first_of_demo,
    "a steady machine": steady_machine,
    "even ranks": even_ranks,
    "a noisy script": noisy_script,
}  # fmt: skip

# The same again with other seeds, optimizers, objectives and sizes: with the slow tests.
FURTHER: dict[str, Make] = {
    "the demo's fine-tuning": demo,
    **{f"{kind}": tuned(optimizer={"kind": kind, "lr": lr}, track={"layers_every": 5}) for kind, lr in (
        ("lion", 3e-4), ("sgd", 1e-1), ("adafactor", 3e-3), ("schedule-free", 3e-3), ("lisa", 3e-3), ("badam", 3e-3),
        ("soap", 3e-3), ("adam-mini", 3e-3), ("ademamix", 3e-3),
    )},
    **{f"seed {seed}": tuned(seed=seed) for seed in range(3, 9)},
    **{f"few rows, seed {seed}": tuned(seed=seed, train={"batch_tokens": 48, "steps": 120}) for seed in range(3, 9)},
    **{f"pre-training, seed {seed}": pretrained(seed=seed, train={"steps": 80}) for seed in range(4)},
    "pre-training, a piece a step": pretrained(train={"batch_tokens": 64, "steps": 120}),
    "streaming": tuned(data={"streaming": True}),
    "DoRA": adapted("lora", dora=True),
    "three epochs": tuned(train={"epochs": 3, "steps": None}, optimizer={"lr": 1e-3}),
    "constant rate": tuned(schedule="constant", train={"steps": 100}),
    **{f"noisy script {seed}": lambda folder, s=seed: noisy_script(folder, s) for seed in range(1, 9)},
}  # fmt: skip
