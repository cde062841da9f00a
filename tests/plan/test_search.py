"""What fits: no way is left out of the answer, and each is shown with what it takes or why it does not fit."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from whet.base.config import load
from whet.base.mesh import Mesh
from whet.cli.main import main
from whet.plan.hardware.cards import card
from whet.plan.job import Job
from whet.plan.mesh import mesh_of
from whet.plan.models.find import published
from whet.plan.models.planned import PlannedModel
from whet.plan.search import fitted
from whet.plan.speed import LINK, bill, speed, token_flops


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


def test_a_config_keeps_none_of_the_settings_that_the_way_taken_has_not(tmp_path, capsys):
    run, out = tmp_path / "mine.yaml", tmp_path / "run.yaml"
    run.write_text(
        "model: {path: qwen3-0.6b, quantize: nf4}\ntuner: {kind: lora, rank: 64}\n"
        "optimizer: {kind: adamw, state: 8bit}\ntrain: {recompute: full, micro_batch: 512}\n"
    )
    assert main(["fit", str(run), "--gpu", "rtx-4090", "--out", str(out), "--json"]) == 0
    chosen = json.loads(capsys.readouterr().out)["chosen"]
    assert main(["plan", str(out), "--gpu", "rtx-4090", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["peak_bytes"] == chosen["peak_bytes"] and told["run"]["quantize"] is None
    assert not told["run"]["recompute"]


def test_adapters_are_planned_with_the_rank_that_was_given():
    def least(rank: int) -> float:
        ways = fitted(replace(job(), tuner="lora", rank=rank), 1).fitting
        return min(way.least.peak.total for way in ways if way.job.tuner == "lora")

    assert least(256) > least(16)


def test_on_many_cards_a_step_has_enough_tokens_and_the_config_says_so(tmp_path, capsys):
    out = tmp_path / "run.yaml"
    words = ["llama-3.1-8b", "--gpu", "h100-sxm", "--gpus", "16", "--length", "8192"]
    assert main(["fit", *words, "--out", str(out), "--json"]) == 0
    chosen = json.loads(capsys.readouterr().out)["chosen"]
    assert main(["plan", str(out), *words[1:], "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["peak_bytes"] == chosen["peak_bytes"]
    assert told["speed"]["tokens_per_s"] == pytest.approx(chosen["tokens_per_s"])
    assert told["run"]["batch_tokens"] >= 8192 * told["mesh"]["shard"]
    main(["fit", *words, "train.batch_tokens=100000", "--json"])
    given = json.loads(capsys.readouterr().out)["front"]
    assert not any("batch_tokens" in word for way in given for word in way["settings"])


def test_axes_that_a_run_names_stay(capsys):
    words = ["fit", "llama-3.1-8b", "--gpu", "h100-sxm", "--json", "parallel.tensor=4"]
    assert main([*words, "--gpus", "8"]) == 0
    assert "parallel.tensor=4" in json.loads(capsys.readouterr().out)["chosen"]["settings"]
    assert main(words) == 2
    assert "tensor 4 asks for 4 ranks" in capsys.readouterr().err


def test_the_config_of_a_config_json_names_its_folder(tmp_path, capsys):
    (tmp_path / "config.json").write_text(json.dumps(published()["Qwen/Qwen3-0.6B"]))
    assert main(["fit", str(tmp_path / "config.json"), "--gpu", "rtx-4090"]) == 0
    assert f"path: {tmp_path}\n" in capsys.readouterr().out


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


def test_tokens_that_go_to_experts_of_other_ranks_take_time():
    one = replace(job("mixtral-8x7b-v0.1", "h100-sxm"), mesh=Mesh(expert=8), micro=32768, step_tokens=8 * 32768)
    beside = speed(replace(one, mesh=Mesh(shard=8)))
    hidden, experts, layers, item = 4096, 2, 32, 2
    sent = 2 * 2 * layers * item * 32768 * experts * (7 / 8) * hidden  # there and back, forward and backward
    assert beside.talk_s == 0.0  # weights are gathered while layers are computed
    assert speed(one).talk_s == pytest.approx(sent / (card("h100-sxm").figures["link_gbs"].value / 2 * 1e9 * LINK))
