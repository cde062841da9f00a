"""The playground offers the newest checkpoints of a run, serves two of them at once, and tells of one that is gone."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.server.test_playground import API, answered, settled
from tests.server.world import serving
from tests.tiny import config
from whet.base.config import from_mapping
from whet.server.playground.choices import OFFERED_CHECKPOINTS
from whet.server.playground.engines import Engines
from whet.train.api import train
from whet.train.checkpoints.places import place_of

STEPS = OFFERED_CHECKPOINTS + 1


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A run that keeps a checkpoint of each step, and one that has none."""
    folder = tmp_path_factory.mktemp("kept")
    kept = {"steps": STEPS, "checkpoint_every": 1, "keep": 9}
    track = {"folder": str(folder / "runs"), "sinks": ["log"], "environment": False, "hardware_every_s": 0}
    run, _ = train(from_mapping(config(folder, name="first", train=kept, track=track)))
    shutil.copytree(run.path, folder / "runs" / "bare", ignore=shutil.ignore_patterns("step-*", "model"))
    return folder / "runs"


@pytest.fixture(scope="module")
def server(root):
    with serving(root) as client:
        yield client


def test_two_checkpoints_of_a_run_answer_side_by_side(server):
    found = server.get(f"{API}/models")["models"]
    kept = [one["model"] for one in found if one["kind"] == "checkpoint"]
    assert sorted(kept) == ["first@2", "first@3", "first@4"]
    assert server.get(f"{API}/models", q="first@3")["total"] == 1
    engines = [server.post(f"{API}/engines", {"model": name}) for name in ("first@1", "first@latest")]
    assert [one["model"] for one in engines] == ["first@1", "first@4"]
    while any(one["state"] == "starting" for one in server.get(API)["engines"]):
        time.sleep(0.1)
    first, last = ([token["logprob"] for token in answered(server, one["id"])[2]] for one in engines)
    assert first != last  # the later one has learned to end at once


@pytest.mark.parametrize(("given", "hint"), [
    ("first@9", "one of: first@1, first@2, first@3, first@4"), ("bare@1", "whet train bare"),
    ("bare@latest", "whet train bare"), ("none@1", ""), ("../first@1", ""), ("/etc@1", ""), ("x" * 300 + "@1", ""),
    ("first/model@1", ""), ("\0@1", ""),
])  # fmt: skip
def test_a_checkpoint_that_is_not_kept_is_not_started(server, given, hint):
    found = server.ask("POST", f"{API}/engines", {"model": given})
    assert found.status in (400, 404) and hint in found.json().get("hint", ""), found.body


@pytest.mark.slow
def test_one_that_goes_while_it_is_chosen_ends_in_one_message(root, tmp_path):
    shutil.copytree(root / "first", tmp_path / "first")
    shutil.rmtree(place_of(tmp_path / "first" / "checkpoints", 3))
    engines = Engines(tmp_path)
    try:
        gone = settled(engines.start("first@3", "ada"))
        assert gone.state == "failed" and gone.message.startswith("the run `first` keeps no checkpoint of step 3")
        assert gone.hint == "whet chat first@4"
    finally:
        engines.close()
