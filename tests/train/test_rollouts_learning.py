"""The recipe of copying, as its header types it: a model that copies one sequence in ten ends up copying nearly all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from whet.cli.main import main

pytestmark = pytest.mark.slow
RECIPES = Path(__file__).parents[2] / "recipes"


def test_rewards_teach_to_copy_also_what_was_never_rewarded(tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    made = subprocess.run([sys.executable, str(RECIPES / "copies.py")], capture_output=True, text=True, check=True)
    Path("copies.jsonl").write_text(made.stdout)
    words = "copies.jsonl --vocab-size 280 --chat --output tokenizer".split()
    assert main(["tokenizer", "train", *words]) == 0
    for recipe in ("copy-sft", "copy-grpo"):
        assert main(["train", str(RECIPES / f"{recipe}.yaml"), "track.sinks=[jsonl]"]) == 0
    records = [json.loads(line) for line in Path("runs/copy-grpo/records.jsonl").read_text().splitlines()]
    curve = {r["step"]: r["metrics"]["reward"] for r in records if r["kind"] == "step"}
    held = {r["step"]: r["metrics"]["reward"] for r in records if r["kind"] == "evaluation"}
    rewards = list(curve.values())
    record_property("printed", f"reward by step {drawn(curve, held)}; on held-out prompts {drawn(held, held)}")
    first, last = np.mean(rewards[:3]), np.mean(rewards[-5:])
    assert first < 0.2 and last > 0.8
    assert min(held.values()) < 0.2 and max(list(held.values())[-2:]) > 0.8


def drawn(curve, steps):
    return ", ".join(f"{step}: {curve[step]:.2f}" for step in (1, *steps) if step in curve)
