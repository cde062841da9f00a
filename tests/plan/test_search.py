"""What fits: no way is left out of the answer, and each is shown with what it takes or why it does not fit."""

from __future__ import annotations

import json
import shlex

import pytest

from whet.base.config import load
from whet.base.mesh import Mesh
from whet.cli.main import main
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.mesh import mesh_of
from whet.plan.models.planned import PlannedModel
from whet.plan.search import fitted
from whet.plan.speed import bill, speed, token_flops


def job(model: str = "qwen3-8b", gpu: str = "rtx-4090") -> Job:
    return Job(PlannedModel.find(model), card(gpu), Mesh(), 2048, 16384, 2048)


def test_every_way_is_on_the_front_beaten_or_rejected_with_a_reason():
    found = fitted(job(), 1)
    assert found.front and found.rejected
    assert all(way.fits for way in found.front) and not any(way.fits for way in found.rejected)
    assert all("times the memory in" in way.why_not for _, _, way in found.reasons())
    rates = [way.tokens_per_s for way in found.front]
    assert rates == sorted(rates, reverse=True)
    for way in found.front:  # none takes less memory than a faster one of its kind
        faster = [
            other.least.peak.total
            for other in found.front
            if other.tokens_per_s > way.tokens_per_s and other.learns == way.learns
        ]
        assert all(way.least.peak.total < other for other in faster)
    assert sum(count for _, count, _ in found.reasons()) == len(found.rejected)


def test_all_weights_are_trained_where_they_fit_and_adapters_where_they_do_not():
    small, large = fitted(job("qwen3-0.6b"), 1).chosen(), fitted(job(), 1).chosen()
    assert small is not None and small.job.is_whole
    assert large is not None and not large.job.is_whole and large.job.quantize is None


def test_operations_of_a_token_are_those_of_the_textbook():
    one = job("llama-3.1-8b")
    weights = 8_030_261_248 - 128_256 * 4096  # embeddings are looked up
    attention = 6 * 32 * 2048 * 4096  # causal: half of 12 L s h
    assert token_flops(one) == pytest.approx(6 * weights + attention, rel=1e-3)


def test_twice_the_tokens_take_twice_the_hours_and_the_money():
    one = job()
    rate = speed(one)
    assert rate is not None
    once, twice = bill(one, rate, 1e6, 2.0), bill(one, rate, 2e6, 2.0)
    assert twice.hours == 2 * once.hours and twice.price == 2 * once.price == 2 * 2 * once.hours


def test_a_config_of_the_way_taken_is_written_and_planned_alike(tmp_path, capsys):
    out = tmp_path / "run.yaml"
    assert main(["fit", "qwen3-0.6b", "--gpu", "rtx-4090", "--out", str(out)]) == 0
    assert f"whet train {out}" in capsys.readouterr().out
    assert main(["fit", "qwen3-0.6b", "--gpu", "rtx-4090", "--json"]) == 0
    chosen = json.loads(capsys.readouterr().out)["chosen"]
    assert main(["plan", str(out), "--gpu", "rtx-4090", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["peak_bytes"] == chosen["peak_bytes"]
    assert main(["fit", "qwen3-0.6b", "--gpu", "rtx-4090", "--out", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_config_that_names_its_data_is_trained_as_it_is_written(tmp_path, capsys):
    run, out = tmp_path / "mine.yaml", tmp_path / "run.yaml"
    run.write_text("model: Qwen/Qwen3-0.6B\ndata: [chat.jsonl]\n")
    assert main(["fit", str(run), "--gpu", "rtx-4090", "--out", str(out)]) == 0
    assert capsys.readouterr().out.partition("type: ")[2].splitlines()[0] == f"whet train {out}"


def test_what_is_written_for_several_cards_is_trained_on_as_many(tmp_path, capsys):
    out = tmp_path / "a run.yaml"
    assert main(["fit", "qwen3-0.6b", "--gpu", "rtx-4090", "--gpus", "4", "--out", str(out)]) == 0
    typed = capsys.readouterr().out.partition("type: ")[2].splitlines()[0]
    assert shlex.split(typed) == ["whet", "train", str(out), "--data", "chat.jsonl", "--ranks", "4"]
    mesh = mesh_of(load(out).run.parallel, 4)
    assert mesh is not None and mesh.ranks == 4


def test_on_apple_only_what_runs_there_is_offered(capsys):
    assert main(["fit", "qwen3-0.6b", "--gpu", "m2-max-38c-64gb", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    ways = [*found["front"], *found["rejected"], found["chosen"]]
    assert all("train.precision=fp32" in way["settings"] for way in ways)
    assert not any("quantize" in word for way in ways for word in way["settings"])
    assert "train.device=mps" in found["chosen"]["settings"] and "device: mps" in found["config"]
