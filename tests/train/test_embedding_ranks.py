"""In-batch negatives on two ranks: the losses, gradient norms and accuracies of one process (law 6)."""

from __future__ import annotations

import json

import pytest

from tests.ranks import on_ranks
from tests.tiny import config, sentence, write_rows
from whet.base.config import from_mapping
from whet.train.api import train


def figures(folder, name, objective):
    settings = config(
        folder, name=name, objective=objective, data={"train": [str(folder / f"{objective['kind']}.jsonl")]},
        train={"steps": 5, "batch_tokens": 200, "micro_batch": 60, "device": "cpu"}, optimizer={"lr": 1e-3},
    )  # fmt: skip
    path = train(from_mapping(settings))[0].path
    lines = (path / "records.jsonl").read_text().splitlines()
    metrics = [r["metrics"] for r in map(json.loads, lines) if r["kind"] in ("step", "evaluation")]
    return [m[key] for m in metrics for key in m if key != "lr"]


@pytest.mark.ranks
@pytest.mark.parametrize(
    "objective",
    [{"kind": "embedding", "symmetric": True}, pytest.param({"kind": "similarity"}, marks=pytest.mark.slow)],
    ids=str,
)
def test_two_ranks_learn_as_one_does(tmp_path, objective):
    texts = [(sentence(i, 2 + i % 4), sentence(i + 40, 3 + i % 5)) for i in range(21)]
    rows = [{"query": q, "positive": d, "negatives": [sentence(i + 9, 4)] * (i % 2)} for i, (q, d) in enumerate(texts)]
    if objective["kind"] == "similarity":
        rows = [{"sentence1": q, "sentence2": d, "score": i % 5} for i, (q, d) in enumerate(texts)]
    write_rows(tmp_path / f"{objective['kind']}.jsonl", rows)
    expected = figures(tmp_path, "one", objective)
    for found in on_ranks(2, figures, tmp_path, "two", objective):
        assert found == pytest.approx(expected, rel=2e-5, abs=1e-6)
