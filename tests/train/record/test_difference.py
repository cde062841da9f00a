"""Two trainings that differ in one thing: the first step at which they part, and that thing as the cause."""

from __future__ import annotations

import json
import os
import signal
from functools import partial

import pytest
import torch

from tests.nursery import Child
from tests.tiny import LLAMA, config, write_rows
from tests.train.conftest import loop_records
from whet.base.config import from_mapping
from whet.cli.main import main
from whet.track.recorded.difference import difference
from whet.train.api import resume, train

WIDE = {"init": {**LLAMA, "hidden_size": 128}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Runs a tiny training once by name; gives its folder."""
    folder, runs = tmp_path_factory.mktemp("pairs"), {}

    def run(name, **sections):
        if name not in runs:
            track = {"sinks": ["log"], **sections.pop("track", {})}
            loop_records_of(folder, name, track=track, **sections)
            runs[name] = folder / "runs" / name
        return runs[name]

    return run


def loop_records_of(folder, name, **sections):
    sections["track"]["sinks"] = ["log", "jsonl"]
    loop_records(folder, name, **sections)


def test_the_same_settings_give_the_same_run(made):
    found = difference(made("base"), made("again"))
    assert found.parting is None and found.num_steps == 6


def test_another_seed_parts_before_the_first_step(made):
    found = difference(made("base"), made("seed", seed=1))
    assert found.parting.step == 0 and found.parting.what == "weights before it"
    assert (found.cause.name, found.cause.first, found.cause.second) == ("seed", 0, 1)


def test_another_rate_parts_at_the_first_step_in_the_rate(made):
    found = difference(made("base"), made("rate", optimizer={"lr": 2e-2}))
    assert (found.parting.step, found.parting.what) == (1, "lr") and found.cause.name == "optimizer.lr"


def test_one_changed_row_parts_at_the_step_that_learned_from_it(made, tmp_path):
    base = made("base")
    path = base.parents[1] / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    changed = tmp_path / "rows.jsonl"
    rows[21]["output"] = " ".join(reversed(rows[21]["output"].split()))
    write_rows(changed, rows)
    found = difference(base, made("row", data={"train": [str(changed)]}))
    learned = steps_with(base, 21)
    assert found.parting.step == learned[0] and found.parting.what == "content of rows"
    assert list(found.parting.first) == [("rows.jsonl", 21, 0)]
    told = {(one.kind, one.name) for one in found.causes}
    assert {("row", "rows.jsonl row 21"), ("file", "data.train.0.path: rows.jsonl")} <= told


def steps_with(run, row):
    from whet.track.recorded.rows import every_step

    return [one.step for one in every_step(run) if row in one.columns["row"]]


def test_dropout_parts_at_the_first_loss(made):
    dropping = {"init": {**LLAMA, "attention_dropout": 0.1}}
    found = difference(made("base"), made("dropout", model=dropping))
    assert (found.parting.step, found.parting.what) == (1, "loss")
    assert found.cause.name == "model.init.attention_dropout"


@pytest.mark.slow
def test_other_threads_part_where_sums_first_differ(made):
    one = made("thread", model=WIDE)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        two = made("threads", model=WIDE)
    finally:
        torch.set_num_threads(before)
    found = difference(one, two)
    assert found.parting.what in ("loss", "grad_norm")
    assert (found.cause.kind, found.cause.name, found.cause.first, found.cause.second) == (
        "environment", "threads", 1, 2,
    )  # fmt: skip


def killed(settings):
    """Train, and die in a step."""
    from whet.train.step.executor import DataParallel

    real = DataParallel.step

    def step(self, index, *rest):
        if index == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, index, *rest)

    DataParallel.step = step
    train(from_mapping(settings))


def test_a_run_that_was_killed_and_goes_on_does_not_part(tmp_path):
    sections = {"track": {"sinks": ["log"]}, "train": {"steps": 8, "checkpoint_every": 3}}
    whole, _ = train(from_mapping(config(tmp_path, name="whole", **sections)))
    assert Child(partial(killed, config(tmp_path, name="killed", **sections))).wait() is None
    folder, _ = resume(tmp_path / "runs" / "killed")
    found = difference(whole.path, folder.path)
    assert found.parting is None and found.num_steps == 8


def test_the_command_names_step_and_cause(made, capsys):
    base, rate = made("base"), made("rate", optimizer={"lr": 2e-2})
    assert main(["runs", "diff", str(base), str(rate)]) == 0
    page = capsys.readouterr().out
    assert "they part at step 1: lr" in page and "cause: setting optimizer.lr: 0.01 -> 0.02" in page
    assert main(["runs", "diff", str(base), str(made("again"))]) == 0
    assert "the same, bit for bit, in the 6 steps" in capsys.readouterr().out
    assert main(["runs", "diff", str(base)]) == 2
    assert main(["runs", "diff", str(base), str(rate), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parting"]["what"] == "lr"
