"""Preferences on two ranks, sharded: the losses and gradient norms of one process (law 6), stored reference and all."""

from __future__ import annotations

import json

import pytest

from tests.ranks import on_ranks
from tests.tiny import config, sentence, write_rows
from whet.base.config import from_mapping
from whet.train.build import assemble


def figures(folder, name, objective):
    settings = config(
        folder, name=name, objective=objective, data={"train": [str(folder / "pairs.jsonl")], "held_out": 0.2},
        train={"epochs": 2, "steps": None, "batch_tokens": 200, "device": "cpu"}, optimizer={"lr": 1e-3},
    )  # fmt: skip
    built = assemble(from_mapping(settings))
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    lines = (built.folder.path / "records.jsonl").read_text().splitlines()
    metrics = [r["metrics"] for r in map(json.loads, lines) if r["kind"] in ("step", "evaluation")]
    return [m.get(key) for m in metrics for key in ("loss", "grad_norm", "accuracy", "baseline")]


@pytest.mark.ranks
@pytest.mark.parametrize(
    ("objective", "num_rows"),
    [
        # Of five rows one is held out: the reference is asked about it on one rank alone.
        ({"kind": "dpo", "reference": "stored"}, 5),
        pytest.param({"kind": "dpo", "reference": "stored"}, 15, marks=pytest.mark.slow),
        pytest.param({"kind": "kto", "reference": "copy"}, 15, marks=pytest.mark.slow),
    ],
)
def test_two_ranks_learn_from_preferences_as_one_does(tmp_path, objective, num_rows):
    rows = [
        {"prompt": sentence(i, 3 + i % 5), "chosen": sentence(i + 1, 2 + i % 4), "rejected": sentence(i + 2, 1 + i % 6)}
        for i in range(num_rows)
    ]
    write_rows(tmp_path / "pairs.jsonl", rows)
    expected = figures(tmp_path, "one", objective)
    for found in on_ranks(2, figures, tmp_path, "two", objective):
        assert [f is None for f in found] == [e is None for e in expected]
        pairs = [(f, e) for f, e in zip(found, expected, strict=True) if e is not None]
        assert [f for f, _ in pairs] == pytest.approx([e for _, e in pairs], rel=2e-5, abs=1e-6)
