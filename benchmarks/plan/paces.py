"""Planned step time beside measured on a CPU: before runs have finished, after those of a kind, after those of all.

    python benchmarks/dated.py plan-paces -- python benchmarks/plan/paces.py [NAME ...]

Each kind of run trains a small llama a few times, as `whet train` does, with a table of finished runs of its own. Then
`whet plan` tells its step from the table of its kind alone (`own`), from those of all kinds together (`all`), and from
those of all others (`others`); measured is the median step of its last run, which no table has. A sound calibration is
near with its own runs, no farther off with all, and says nothing, or little that is wrong, of a kind it never saw.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from rows import LLAMA

from whet.cli.main import main as whet
from whet.plan.calibration import NAME

RUNS = 4  # of a kind; the last one is what is told
STEPS = 5
WIDE = {**LLAMA, "hidden_size": 512, "intermediate_size": 1408, "num_attention_heads": 8}


@dataclass(frozen=True)
class Kind:
    """Runs that differ in nothing; samples have `length` words."""

    name: str
    sections: Mapping[str, Any] = field(default_factory=dict)
    length: int = 128
    micro: int = 256
    step: int = 512
    model: Mapping[str, Any] = field(default_factory=lambda: LLAMA)

    def run(self, folder: Path) -> dict[str, Any]:
        given = {name: dict(told) for name, told in self.sections.items()}
        is_adapter = "tuner" in given
        model = {"path": str(folder / "base")} if is_adapter else {"init": dict(self.model), "tokenizer": str(folder)}
        train = {
            "precision": "fp32", "steps": STEPS, "batch_tokens": self.step, "micro_batch": self.micro,
            **given.pop("train", {}),
        }  # fmt: skip
        data = {"train": [str(self.texts(folder))]}
        return {
            "model": {**model, **given.pop("model", {})}, "objective": "pretrain", "data": data, "train": train, **given
        }  # fmt: skip

    def texts(self, folder: Path) -> Path:
        """As many samples of its length as all steps take."""
        path = folder / f"texts-{self.length}.jsonl"
        words = ("word " * (self.length - 1)).strip()
        path.write_text(f"{json.dumps({'text': words})}\n" * (2 * STEPS * self.step // self.length))
        return path


KINDS = [
    Kind("fp32"),
    Kind("bf16", {"train": {"precision": "bf16"}}),
    Kind("bf16-pure", {"train": {"precision": "bf16-pure"}}),
    Kind("recompute", {"train": {"recompute": True}}),
    Kind("lora", {"tuner": {"kind": "lora"}}, micro=512),
    Kind("lora bf16", {"tuner": {"kind": "lora"}, "train": {"precision": "bf16"}}, micro=1024, step=1024),
    Kind("muon", {"optimizer": {"kind": "muon"}}),
    Kind("8bit state", {"optimizer": {"kind": "adamw", "state": "8bit"}}),
    Kind("packed short", length=32),
    Kind("long", length=512, micro=512, step=1024),
    Kind("small batches", micro=128),
    Kind("wide", model=WIDE),
]


def main() -> None:
    wanted = sys.argv[1:]
    kinds = [one for one in KINDS if not wanted or one.name in wanted]
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        stored(folder)
        for kind in kinds:
            (folder / f"{kind.name}.yaml").write_text(yaml.safe_dump(kind.run(folder)))
        took = {kind.name: alone(kind, folder) for kind in kinds}
        print(f"{'':16}{'measured s':>12}{'before':>9}{'own':>9}{'all':>9}{'others':>9}", flush=True)
        for kind in kinds:
            own = took[kind.name]
            rest = [line for other in kinds if other is not kind for line in took[other.name][:-1]]
            measured = json.loads(own[-1])
            seconds = measured["compute_s"] + measured["update_s"]
            tables = ([], own[:-1], [*rest, *own[:-1]], rest)
            told = [planned(kind, folder, table) for table in tables]
            words = ["-" if one is None else f"{one / seconds - 1:+.0%}" for one in told]
            print(f"{kind.name:16}{seconds:12.3f}" + "".join(f"{word:>9}" for word in words), flush=True)


def alone(kind: Kind, folder: Path) -> list[str]:
    """Runs of a kind, while nobody else has the file of that LOCK in the environment; kept in TABLES, where given."""
    kept = Path(os.environ.get("TABLES", folder)) / f"{kind.name}.jsonl"
    if not kept.exists():
        kept.write_text("\n".join(_alone(kind, folder)))
    return kept.read_text().splitlines()


def _alone(kind: Kind, folder: Path) -> list[str]:
    with open(os.environ.get("LOCK", folder / "lock"), "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return runs(kind, folder)


def stored(folder: Path) -> None:
    """A tokenizer that knows a word, and a model for adapters."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "word": 1, "<end>": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="<end>")
    AutoModelForCausalLM.from_config(AutoConfig.for_model(**LLAMA)).save_pretrained(folder / "base")
    for place in (folder, folder / "base"):
        tokenizer.save_pretrained(place)


def runs(kind: Kind, folder: Path) -> list[str]:
    """What runs of the kind add to the table of finished runs, one after another."""
    cache = folder / "cache" / kind.name
    config = folder / f"{kind.name}.yaml"
    for number in range(RUNS):
        began = time.perf_counter()
        told(["train", str(config)], cache)
        print(f"  {kind.name} {number}: {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
    return (cache / NAME).read_text().splitlines()


def planned(kind: Kind, folder: Path, table: Sequence[str]) -> float | None:
    """Seconds of a step that a plan tells with such a table."""
    cache = folder / "tables"
    cache.mkdir(exist_ok=True)
    (cache / NAME).write_text("\n".join(table))
    found = json.loads(told(["plan", str(folder / f"{kind.name}.yaml"), "--json", "--length", str(kind.length)], cache))
    return None if found["speed"] is None else found["speed"]["step_s"]


def told(words: list[str], cache: Path) -> str:
    """What a command prints."""
    os.environ["WHET_CACHE"] = str(cache)
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        code = whet(words)
    if code:
        sys.exit(f"{said.getvalue()}whet {' '.join(words)} ended with {code}")
    return out.getvalue()


if __name__ == "__main__":
    main()
