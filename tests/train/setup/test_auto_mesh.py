"""`parallel: auto` of a run: chosen once the data is known, kept by a run that goes on, refused where no plan tells."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from tests.tiny import config
from whet.base.config import from_mapping, load
from whet.base.errors import ConfigError
from whet.train.setup.auto_mesh import with_mesh
from whet.train.setup.chosen import chosen_of


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")


def run_of(folder, **sections):
    return from_mapping(config(folder, **sections)).run


def sizes(run):
    return {axis: size for axis, size in run.parallel.model_dump().items() if isinstance(size, int) and size > 1}


def test_a_run_is_given_a_mesh_of_its_ranks(tmp_path, four):
    run = run_of(tmp_path, parallel="auto")
    found, why = with_mesh(run, chosen_of(run), 40, {})
    assert found.parallel.shard == 4 and "shard 4" in why["parallel"] and "of 40 tokens" in why["parallel"]


def test_what_it_began_with_is_kept_while_it_fits(tmp_path, four):
    run = run_of(tmp_path, parallel="auto")
    found, why = with_mesh(run, chosen_of(run), 40, {"mesh": {"shard": 2, "tensor": 2}})
    assert (found.parallel.shard, found.parallel.tensor, why) == (2, 2, {})
    for pinned in ({"shard": 2}, {"shard": 2, "odd": 2}, {"shard": "4"}, "shard"):
        found, why = with_mesh(run, chosen_of(run), 40, {"mesh": pinned})
        assert found.parallel.shard == 4 and why
    run = run_of(tmp_path, parallel={"mesh": "auto", "tensor": 2})
    assert with_mesh(run, chosen_of(run), 40, {"mesh": {"shard": 4}})[0].parallel.tensor == 2


def test_one_process_and_given_sizes_need_no_plan(tmp_path, monkeypatch):
    run = run_of(tmp_path, parallel="auto")
    assert with_mesh(run, chosen_of(run), 40, {}) == (run, {})
    monkeypatch.setenv("WORLD_SIZE", "4")
    run = run_of(tmp_path, parallel={"shard": 4})
    assert with_mesh(run, chosen_of(run), 40, {}) == (run, {})


def test_where_the_plan_cannot_tell_it_is_refused_with_the_reason(tmp_path, four):
    run = run_of(tmp_path, parallel="auto", objective="dpo")
    with pytest.raises(ConfigError, match="`parallel: auto` is chosen by a plan, and none can be made: no formulas"):
        with_mesh(run, chosen_of(run), 40, {})


def test_auto_is_typed_with_and_without_sizes():
    assert load(None, ["model=m", "parallel=auto"]).run.parallel.mesh == "auto"
    run = load(None, ["model=m", "parallel=auto", "parallel.tensor=2"]).run
    assert (run.parallel.mesh, run.parallel.tensor) == ("auto", 2)


@pytest.mark.slow
def test_two_ranks_with_what_the_plan_chose_learn_what_one_does_and_keep_it(tmp_path):
    made = config(tmp_path, parallel="auto", train={"micro_batch": "auto", "steps": 2})
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(made))

    def train(*words):
        subprocess.run([sys.executable, "-m", "whet", "train", *words], check=True, cwd=tmp_path, capture_output=True)

    def told(name):
        folder = tmp_path / "runs" / name
        losses = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
        found = [one["figures"]["loss"] for one in losses if "figures" in one]
        return found, json.loads((folder / "resolved.json").read_text())

    train("run.yaml", "name=one")
    train("run.yaml", "name=two", "--ranks", "2")
    (alone, _), (shared, resolved) = told("one"), told("two")
    assert shared == pytest.approx(alone, rel=1e-5) and resolved["mesh"] == {"shard": 2}
