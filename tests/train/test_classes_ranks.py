"""New heads on two ranks: an encoder's own, and one beside an adapter, train as on one process, and go on there."""

from __future__ import annotations

import json

import pytest

from tests import tiny
from tests.ranks import on_ranks
from tests.train.test_classes import TEXTS, model_of, run_of
from whet.base.config import from_mapping, load
from whet.train.api import resume, train
from whet.train.build import assemble

SECTIONS = {"train": {"steps": 4, "batch_tokens": 300, "device": "cpu"}, "optimizer": {"lr": 1e-3}}


def figures(folder):
    """Loss, gradient norm and accuracy of each step, as the last attempt wrote it."""
    records = map(json.loads, (folder / "records.jsonl").read_text().splitlines())
    steps = {r["step"]: r["metrics"] for r in records if r["kind"] == "step"}
    return [steps[number][key] for number in sorted(steps) for key in ("loss", "grad_norm", "accuracy")]


def trained(path):
    return figures(train(load(path))[0].path)


def begun(path):
    """Two steps and a checkpoint."""
    built = assemble(load(path))
    for _ in range(2):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.loop._checkpoint()


@pytest.mark.ranks
@pytest.mark.slow  # test_mlm has an encoder on two ranks, test_qlora an adapter, test_resume one that goes on from two
@pytest.mark.parametrize("family, case, how", [("bert", "single", "full"), ("bert", "tags", "lora")])
def test_two_ranks_train_as_one_does_and_one_goes_on_from_two(tmp_path, family, case, how):
    sections = SECTIONS
    if how == "lora":
        rows = str(tiny.write_rows(tmp_path / "text.jsonl", [{"text": text} for text in TEXTS]))
        base = tiny.config(tmp_path, name="base", objective="mlm", data={"train": [rows]}, train={"steps": 1})
        base, _ = train(from_mapping(base | {"model": model_of(tmp_path, family)}))
        sections, family = {**SECTIONS, "tuner": {"kind": "lora", "rank": 2}}, str(base.model)
    # Rows and tokenizer are written here and by no rank: one would find the file that the other has just emptied.
    alone, pair, half = (tmp_path / f"{name}.yaml" for name in ("one", "two", "half"))
    for path in (alone, pair, half):
        path.write_text(run_of(tmp_path, path.stem, case, model_of(tmp_path, family), **sections).to_yaml())
    expected = trained(alone)
    assert len(expected) == 12
    for found in on_ranks(2, trained, pair):
        assert found == pytest.approx(expected, rel=2e-5, abs=1e-6)
    on_ranks(2, begun, half)
    folder, ended = resume(tmp_path / "runs" / "half")
    assert ended.outcome == "done" and figures(folder.path) == pytest.approx(expected, rel=2e-5, abs=1e-6)
