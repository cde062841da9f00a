"""The embedding objective teaches a model from random weights which sentence documents which function."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from whet.base.config import from_mapping
from whet.base.yaml import parse
from whet.evaluate.run import evaluate
from whet.generate.models import load_model
from whet.models.tokenizer import train_tokenizer
from whet.train.api import train
from whet.train.build import assemble

pytestmark = pytest.mark.slow
RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def test_docstrings_of_held_out_modules_are_found_after_training(tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, str(RECIPES / "docstrings.py")], check=True, capture_output=True)
    rows = [json.loads(line) for line in Path("docstrings.jsonl").read_text().splitlines()]
    train_tokenizer([text for row in rows for text in row.values()], 2000).save_pretrained("tokenizer")
    recipe, _ = parse((RECIPES / "embed-docstrings.yaml").read_text(), "recipe")
    recipe |= {"track": {"sinks": ["jsonl"]}, "evaluate": {"every": 9}}
    before: list[float] = []
    assemble(from_mapping(recipe | {"name": "before"})).loop.evaluation(
        0, lambda r: before.append(r.metrics["accuracy"])
    )
    folder, _ = train(from_mapping(recipe))
    records = [json.loads(line) for line in (folder.path / "records.jsonl").read_text().splitlines()]
    curve = {r["step"]: r["metrics"]["accuracy"] for r in records if r["kind"] == "evaluation"}
    found = evaluate("retrieval", {"file": "docstrings-held-out.jsonl"}, load_model(str(folder.model))).figures
    shown = ", ".join(f"{step}: {value:.3f}" for step, value in {0: before[0], **curve}.items())
    figures = ", ".join(f"{name} {figure.value:.3f}" for name, figure in found.items())
    record_property("printed", f"recall@1 by step {shown}; at the end {figures}")
    assert found["recall@1"].value == pytest.approx(list(curve.values())[-1], abs=0.005)
    assert found["recall@1"].value > 1.4 * before[0]
