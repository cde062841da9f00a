"""The table of runs on this machine: what they measured moves the next plan, an odd one does not, damage is passed."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.plan.test_plan import job
from whet.base.mesh import Mesh
from whet.cli.main import main
from whet.parallel.measured import SHARES, save
from whet.plan.calibration import NAME, Finished, Usual, calibrated, finished, note, table_name, usual
from whet.plan.decide import decided
from whet.plan.hardware.cards import card
from whet.plan.hardware.detected import detected, detected_for
from whet.plan.report import lines, to_dict
from whet.plan.speed import LINK, PCIE_GBS, job_update, moved_bytes, speed, token_flops

MIB = 2.0**20


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WHET_CACHE", str(tmp_path))
    return tmp_path


def run(job, **measured) -> Finished:
    """A run of the job that took exactly what was planned, and as long as is estimated, but for what is given."""
    step = decided(job).memory.peak
    planned = step.total - sum(step.parts.get(name, 0.0) for name in ("weights", "optimizer", "overhead"))
    took = speed(replace(job, card=card("h100-sxm"), measured=None))
    known = Finished(
        table_name(job.card), job.model.architecture.model_type, planned, planned, job.model.num_parameters,
        job.precision, str(job.mesh), job_update(job), 0.0, 1, token_flops(job) * took.tokens, took.compute_s,
        moved_bytes(job), took.update_s,
    )  # fmt: skip
    return replace(known, **measured)


def test_runs_move_the_time_that_is_predicted(cache):
    small, one = job(), job(micro=4096, step_tokens=16384)
    for slower in (1.9, 2.0, 2.1):
        fast = run(small)
        note(replace(fast, compute_s=slower * fast.compute_s, update_s=3 * fast.update_s))
    before, after = speed(one), speed(one.calibrated())
    assert after.compute_s == pytest.approx(2 * before.compute_s)
    assert after.update_s == pytest.approx(3 * before.update_s)
    assert "from 3 runs on this card" in after.how and "estimated" in before.how


def test_a_processor_whose_rate_nobody_knows_has_a_time_once_runs_have_finished(cache):
    one = replace(job("qwen3-0.6b"), card=detected_for("cpu"), precision="fp32")
    assert speed(one.calibrated()) is None
    for _ in range(3):
        note(run(one))
    took = run(one)
    assert speed(one.calibrated()).step_s == pytest.approx(took.compute_s + took.update_s)
    assert speed(replace(one.calibrated(), precision="bf16")) is None  # of other numbers nothing was measured


def test_an_update_that_no_run_had_is_not_timed_by_another_s_runs(cache):
    plain = replace(job("qwen3-0.6b"), card=detected_for("cpu"), precision="fp32")
    slow = replace(plain, optimizer="muon")
    for _ in range(3):
        note(run(slow, update_s=900.0))
    told = speed(plain.calibrated())
    assert told.compute_s == pytest.approx(run(plain).compute_s) and "no run had its update" in told.how
    assert speed(slow.calibrated()).update_s == pytest.approx(900.0)
    for _ in range(3):
        note(run(plain))
    both = speed(plain.calibrated())
    assert both.update_s == pytest.approx(run(plain).update_s) and "no run had" not in both.how
    assert speed(slow.calibrated()).update_s == pytest.approx(900.0)
    assert speed(replace(plain, settings={"state": "8bit"}).calibrated()).how.count("adamw 8bit of all weights") == 1


def test_the_time_of_a_step_is_that_of_its_tokens():
    whole = job(micro=4096, step_tokens=16384)
    part = replace(whole, micro=12000)  # a full micro-batch, and what is left
    assert speed(part).tokens == speed(whole).tokens == 16384
    assert speed(part).compute_s == pytest.approx(speed(whole).compute_s)


def test_links_of_this_machine_s_cards_are_those_that_the_doctor_measured(cache, monkeypatch):
    asked = cache / "nvidia-smi"
    asked.write_text("#!/bin/sh\nfor n in 1 2 3 4; do echo NVIDIA GeForce RTX 4090, 24564; done\n")
    asked.chmod(0o755)
    monkeypatch.setenv("PATH", str(cache), prepend=os.pathsep)
    one = replace(job(), mesh=Mesh(tensor=4))

    def talk():
        found = speed(replace(one, card=detected()[0]))
        return found.talk_s, found.how

    supposed, how = talk()
    assert "not measured" in how
    for rate, name in ((3e9, "all_reduce"), (9e9, "all_gather")):  # bytes a second that a rank sends
        save("nccl", 4, {name: [(1000, 1e-6), (10**9 + 1000, SHARES[name](4) * 1e9 / rate + 1e-6)]})
        measured, how = talk()
        assert (
            measured == pytest.approx(supposed * PCIE_GBS * 1e9 * LINK / rate) and "links, which were measured" in how
        )


def test_runs_move_the_overhead_and_no_tensor(cache):
    one = replace(job("qwen3-0.6b"), card=detected_for("cpu"), precision="fp32")
    exact = decided(one).memory.peak
    for _ in range(3):
        own = run(one)
        note(replace(own, measured_bytes=1.1 * own.planned_bytes, process_bytes=700 * MIB))
    found = decided(one.calibrated()).memory.peak
    assert found.parts["overhead"] == pytest.approx(700 * MIB + 0.1 * own.planned_bytes)
    assert {**found.parts, "overhead": 0} == {**exact.parts, "overhead": 0}
    larger = replace(one, micro=64 * one.micro)  # a step many times larger than any that was measured
    assert decided(larger.calibrated()).memory.peak.parts["overhead"] == 700 * MIB


@pytest.mark.parametrize(
    "other", [{"model_type": "gpt2"}, {"card": "rtx-4090"}, {"parameters": 1e8}], ids=["class", "card", "size"]
)
def test_runs_of_another_class_card_or_size_say_nothing(cache, other):
    one = job()
    for _ in range(5):
        note(run(one, measured_bytes=9e9, **other))
    assert one.calibrated() == one


def test_an_odd_run_moves_nothing(cache):
    one = job()
    for ratio in (1.02, 1.03, 1.04, 1.03, 7.0):
        own = run(one)
        note(replace(own, measured_bytes=ratio * own.planned_bytes, compute_s=ratio * own.compute_s))
    found = one.calibrated().measured
    assert found.steps == Usual(pytest.approx(1.03), 4, pytest.approx(1.02), pytest.approx(1.04), 1)
    assert found.rates["bf16", "one rank"].left_out == 1


def test_two_runs_or_three_that_do_not_agree_are_too_few():
    assert usual([1.0, 1.0]) is None
    assert usual([1.0, 1.01, 5.0]) is None
    assert usual([1.0, 1.01, 1.02]).value == 1.01


def test_the_latest_runs_count(cache):
    one = job()
    for number in range(40):
        note(run(one, measured_bytes=run(one).planned_bytes * (1.5 if number < 20 else 1.1)))
    assert one.calibrated().measured.steps.value == pytest.approx(1.1)


def test_the_plan_says_from_how_many_runs_and_can_be_asked_without_them(cache, capsys):
    one = job()
    for _ in range(4):
        note(run(one, measured_bytes=1.2 * run(one).planned_bytes))
    words = "\n".join(lines(decided(one.calibrated()).plan()))
    assert "process: assumed, what steps take beyond the plan: from 4 runs on this card" in words
    assert "1.2 times (1.2 to 1.2) what is planned" in words and "GFLOP/s (" in words
    told = to_dict(decided(one.calibrated()).plan())
    assert told["measured"]["step_over_planned"]["runs"] == 4 and told["speed"]["tokens_per_s"] > 0
    typed = ["plan", "llama-3.1-8b", "--gpu", "h100-sxm", "train.micro_batch=2048", "train.batch_tokens=2048"]
    said = []
    for words in (typed, [*typed, "--unmeasured"]):
        main(words)
        said.append(capsys.readouterr().out)
    assert "from 4 runs" in said[0] and "runs" not in said[1]


def test_damaged_lines_are_passed_over(tmp_path):
    note(Finished("rtx-4090", "llama", 100.0, 90.0), tmp_path)
    with (tmp_path / NAME).open("ab") as file:
        file.write(b'{"card": "rtx-4090"}\n[]\n3\n\xff\xfe\n{"card": "rtx-4090", "planned_bytes": "x"}\n')
        for number in (b"NaN", b"-1", b"1e99", b"null", b"0"):
            file.write(
                b'{"card": "rtx-4090", "model_type": "llama", "planned_bytes": 1, "measured_bytes": ' + number + b"}\n"
            )
        file.write(b'{"card": "rtx-4090", "model_type": "llama", "planned_bytes": 100.0, "measured_bytes": 90.0}\n{')
    assert [run.measured_bytes for run in finished(tmp_path)] == [90.0, 90.0]  # a table of before has fewer figures
    assert finished(tmp_path / "none") == [] and calibrated(card("rtx-4090"), "llama", 8e9, tmp_path) is None
