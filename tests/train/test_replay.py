"""Replay: 20 steps of tiny recipes give the same bits again, in another process and after a refactor.

The bits of a machine lie in `.replay/` (not in git). A change that is meant to alter numbers deletes the file.
"""

from __future__ import annotations

import hashlib
import json
import platform
from functools import partial
from pathlib import Path

import pytest
import torch

from tests.nursery import Child
from tests.tiny import LLAMA, config
from whet.base.config import from_mapping
from whet.train.api import train

KEPT = Path(__file__).parents[2] / ".replay"
RECIPES = {
    "llama-sft": {},
    "llama-untied-sgd": {
        "model": {"init": {**LLAMA, "tie_word_embeddings": False}}, "optimizer": {"kind": "sgd", "lr": 0.3},
        "schedule": "wsd",
    },
    "gpt2-dropout": {
        "model": {"init": {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256}},
    },
}  # fmt: skip


def bits(folder: Path, recipe: str) -> list[str]:
    """Loss and gradient norm of every step as hexadecimal floats, and a hash of the final weights."""
    sections = RECIPES[recipe]
    run, _ = train(
        from_mapping(config(folder, name=recipe, **{**sections, "train": {"steps": 20, "checkpoint_every": 20}}))
    )
    records = map(json.loads, (run.path / "records.jsonl").read_text().splitlines())
    steps = [r["metrics"] for r in records if r["kind"] == "step"]
    weights = hashlib.sha256((run.model / "model.safetensors").read_bytes()).hexdigest()
    return [f"{m['loss'].hex()} {m['grad_norm'].hex()}" for m in steps] + [weights]


def machine() -> str:
    parts = (torch.__version__, torch.get_num_threads(), platform.processor(), torch.backends.cpu.get_cpu_capability())
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


@pytest.mark.parametrize("recipe", RECIPES)
def test_twenty_steps_give_the_same_bits_again(tmp_path, recipe):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    first = bits(tmp_path / "first", recipe)
    assert Child(partial(bits, tmp_path / "second", recipe)).wait() == first
    assert len(set(first)) == 21
    kept = KEPT / f"{recipe}-{machine()}.json"
    if kept.exists():
        assert json.loads(kept.read_text()) == first, f"the numbers changed; if that is meant, delete {kept}"
    else:
        KEPT.mkdir(exist_ok=True)
        kept.write_text(json.dumps(first))
