"""The embedding objective teaches a model from random weights which sentence documents which function."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from whet.base.config import from_mapping
from whet.base.yaml import parse
from whet.evaluate.run import evaluate
from whet.generate.models import load_model
from whet.models.tokenizers.training import train_tokenizer
from whet.train.api import train
from whet.train.build import assemble

pytestmark = pytest.mark.slow
RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def counted(texts: list[str], rows: list[dict[str, str]]) -> float:
    """recall@1 of counting shared words (tf-idf), weighed by in how few of the texts a word stands."""
    spread = Counter(word for text in texts for word in {*re.findall(r"[a-z0-9]+", text)})

    def weighed(text: str) -> dict[str, float]:
        found = Counter(re.findall(r"[a-z0-9]+", text))
        own = {w: (1 + math.log(n)) * math.log((1 + len(texts)) / (1 + spread[w])) for w, n in found.items()}
        length = math.hypot(*own.values()) or 1.0
        return {word: value / length for word, value in own.items()}

    documents = [weighed(row["positive"]) for row in rows]
    hits = 0
    for number, row in enumerate(rows):
        query = weighed(row["query"])
        scores = [sum(value * document.get(word, 0.0) for word, value in query.items()) for document in documents]
        hits += max(range(len(rows)), key=scores.__getitem__) == number
    return hits / len(rows)


def test_docstrings_of_held_out_modules_are_found_after_training(tmp_path, monkeypatch, record_property):
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, str(RECIPES / "docstrings.py")], check=True, capture_output=True)
    pairs, weaker, held_out = (
        [json.loads(line) for line in Path(f"{name}.jsonl").read_text().splitlines()]
        for name in ("docstrings", "functions", "docstrings-held-out")
    )
    train_tokenizer([text for row in pairs + weaker for text in row.values()], 16000).save_pretrained("tokenizer")
    known = counted([text for row in pairs for text in row.values()], held_out)
    searched = counted([row["positive"] for row in held_out], held_out)
    recipe, _ = parse((RECIPES / "embed-docstrings.yaml").read_text(), "recipe")
    recipe |= {"track": {"sinks": ["jsonl"]}, "evaluate": {"every": 28}}
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
    words = f"tf-idf {known:.3f}, by the sentences that are searched {searched:.3f}"
    record_property("printed", f"recall@1 by step {shown}; at the end {figures}; {words}")
    assert found["recall@1"].value == pytest.approx(list(curve.values())[-1], abs=0.005)
    assert found["recall@1"].value > max(1.3 * before[0], known)
