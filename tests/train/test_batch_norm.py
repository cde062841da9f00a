"""A plain `nn.Module` with batch norm as a model: statistics of whole steps, kept with the weights, or a refusal."""

from __future__ import annotations

import csv
import json
import random

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tests.ranks import on_ranks
from whet.base.config import from_mapping, load
from whet.base.errors import ConfigError, RunError
from whet.base.seeds import forked
from whet.models.forward.batch_norm import live
from whet.train.api import resume, train
from whet.train.build import assemble

PLUGIN = """
from torch import nn

from whet.base.catalogue import model_source
from whet.contracts.model import Capabilities
from whet.models.forward.tabular import FieldModel
from whet.models.loading.drawn import drawn


class Still(nn.BatchNorm1d):
    def train(self, mode=True):
        return super().train(False)


def network(kind):
    return nn.Sequential(nn.Linear(2, 4), kind(4), nn.ReLU(), nn.Linear(4, 2))


def source(context, kind):
    can = Capabilities(tokens=False, packed=False, head="none", generates=False)
    return drawn(lambda: network(kind), context, can, FieldModel)


@model_source("normed", tokens=False)
def normed(context):
    return source(context, nn.BatchNorm1d)


@model_source("still", tokens=False)
def still(context):
    return source(context, Still)
"""
ROWS, SAMPLES = 40, 16  # two steps and a short one an epoch


@pytest.fixture
def settings(tmp_path):
    draw = random.Random(1)
    with (tmp_path / "points.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["x", "y", "label"])
        for _ in range(ROWS):
            x, y = draw.uniform(-1, 3), draw.uniform(-1, 1)
            rows.writerow([x, y, int(x * y > 0)])
    (tmp_path / "normed.py").write_text(PLUGIN)

    def made(name: str, kind: str = "normed", **sections):
        return from_mapping(
            {
                "name": name, "plugins": [str(tmp_path / "normed.py")], "model": {"kind": kind},
                "objective": "classify", "data": [str(tmp_path / "points.csv")], "optimizer": {"lr": 0.03},
                "train": {"steps": 9, "batch_samples": SAMPLES, **sections.pop("train", {})},
                "track": {"folder": str(tmp_path / "runs"), "sinks": [{"kind": "jsonl", "path": "own.jsonl"}]},
                **sections,
            }
        )  # fmt: skip

    return made


def weights(folder) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def test_statistics_are_those_of_the_whole_step(settings, tmp_path):
    run, _ = train(settings("one", train={"steps": 1, "batch_samples": ROWS}))
    with forked(settings("seed").run.seed, "model"):
        plain = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    with (tmp_path / "points.csv").open() as file:
        points = [[float(row["x"]), float(row["y"])] for row in csv.DictReader(file)]
    plain.train()(torch.tensor(points))
    found = weights(run.path)
    assert int(found["1.num_batches_tracked"]) == 1
    for name in ("running_mean", "running_var"):
        torch.testing.assert_close(found[f"1.{name}"], getattr(plain[1], name))


def test_a_run_with_statistics_resumes_to_the_bit_and_writes_them(settings, tmp_path):
    whole, _ = train(settings("whole"))
    built = assemble(settings("cut"))
    for _ in range(4):
        built.loop.advance(built.loop.source.next(built.loop.progress.step))
    built.loop._checkpoint()
    built.close()
    _, ended = resume(tmp_path / "runs" / "cut")
    assert ended.outcome == "done"
    expected, found = weights(whole.path), weights(tmp_path / "runs" / "cut")
    assert expected.keys() == found.keys() >= {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert int(found["1.num_batches_tracked"]) == 9
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    texts = [json.loads(line).get("text", "") for line in (whole.path / "own.jsonl").read_text().splitlines()]
    assert any("`1` is a batch norm" in text and "one micro-batch" in text for text in texts)


def test_micro_batches_that_would_be_normalised_by_themselves_are_refused(settings):
    with pytest.raises(ConfigError, match="each micro-batch of 8 of a step's .* would be normalised by itself") as told:
        train(settings("small", train={"micro_batch": 8}))
    assert told.value.hint is not None and told.value.hint.startswith(f"train.micro_batch={SAMPLES}")


def test_what_stays_in_evaluation_mode_trains_in_any_micro_batches(settings):
    once, _ = train(settings("once", "still"))
    often, _ = train(settings("often", "still", train={"micro_batch": 5}))
    expected, found = weights(once.path), weights(often.path)
    assert torch.equal(found["1.running_mean"], torch.zeros(4)) and int(found["1.num_batches_tracked"]) == 0
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-5)


def test_modes_are_left_as_they_were():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)).eval()
    assert live(module) == ("0",) and not module.training and not module[0].training
    assert live(nn.Linear(2, 2)) == ()
    assert live(nn.BatchNorm1d(2, track_running_stats=False)) == ("",)


def refused(path) -> str:
    try:
        train(load(path))
    except ConfigError as error:
        return error.message
    return "no error"


@pytest.mark.ranks
def test_ranks_are_refused(settings, tmp_path):
    (tmp_path / "run.yaml").write_text(settings("two").to_yaml())
    assert set(on_ranks(2, refused, tmp_path / "run.yaml")) == {
        "the batch norm `1`: each rank would normalise by its own samples"
    }


def test_a_step_of_one_sample_is_refused_in_a_sentence(settings):
    with pytest.raises(RunError, match="a step has a single sample") as told:
        train(settings("single", train={"epochs": 1, "steps": None, "batch_samples": ROWS - 1}))
    assert "train.batch_samples" in told.value.hint
    run, ended = train(settings("none", kind="still", train={"epochs": 1, "steps": None, "batch_samples": ROWS - 1}))
    assert ended.outcome == "done" and ended.step == 2
