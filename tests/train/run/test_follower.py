"""A training that is followed: its bits are those of one that is not, whatever hangs, dies or answers 500 beside it."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

from tests.track.follow.servers import hooks, until
from tests.track.follow.test_supervisor import PLUGIN, command, processes
from whet.base.config import from_mapping
from whet.base.errors import ConfigError
from whet.track.reading.store import history
from whet.train.api import resume, train

NUM_STEPS = 12


def settings(folder: Path, name: str, **tracked):
    """A run without tokens, which is over in a second."""
    path, rng = folder / "points.csv", random.Random(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["x", "y", "label"])
        rows.writerows([rng.random(), rng.random(), rng.randrange(2)] for _ in range(64))
    return {
        "name": name, "model": {"kind": "mlp", "features": 2, "classes": 2, "hidden": [8]}, "objective": "classify",
        "data": {"train": [str(path)]}, "train": {"steps": NUM_STEPS, "batch_samples": 16},
        "track": {"folder": str(folder / "runs"), "sinks": ["log"], **tracked},
    }  # fmt: skip


def test_a_followed_run_has_the_bits_of_one_that_is_not(tmp_path, monkeypatch):
    shutil.copy(PLUGIN, tmp_path / "mine.py")
    monkeypatch.setenv("WHET_KEYRING", str(tmp_path / "none"))
    tees = [{"kind": "bad", "how": "hang"}, {"kind": "bad", "how": "die"}, "diary", "tensorboard"]
    plain, _ = train(from_mapping(settings(tmp_path, "plain")))
    with hooks(*[500] * 2) as server:
        monkeypatch.setenv("WHET_WEBHOOK_URL", server.url)
        alerts = {"channels": [{"kind": "webhook", "allow": ["127.0.0.1"]}], "rules": ["end", "loss > 0"]}
        config = {**settings(tmp_path, "followed", tee=tees, alerts=alerts), "plugins": [str(tmp_path / "mine.py")]}
        followed, ended = train(from_mapping(config))
        assert ended.outcome == "done" and ended.step == NUM_STEPS
        ours, theirs = (history(one.path).scalar("loss")[1].tolist() for one in (followed, plain))
        assert ours == theirs
        until(lambda: {"done at step 12", "loss > 0"} <= {body["title"] for body in server.bodies})
    diary = followed.path / "diary.jsonl"
    until(lambda: '"finish"' in (diary.read_text() if diary.exists() else ""))
    heard = [json.loads(line) for line in diary.read_text().splitlines()]
    assert [what for kind, what in heard if kind == "step"] == list(range(1, NUM_STEPS + 1))
    assert ["event", "started"] in heard and heard[-1][1][0] == "done"
    assert "T0PSECRET" not in (followed.path / "config.yaml").read_text()
    for pid in processes():  # the one that hangs would be waited for
        if str(followed.path) in command(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_continued_run_is_followed_again(tmp_path):
    loaded = from_mapping(settings(tmp_path, "run", tee=["tensorboard"]))
    folder, _ = train(loaded)
    order = folder.path / "follow" / "order.json"
    order.unlink()
    resume(folder.path)
    assert order.exists()


@pytest.mark.parametrize(
    ("tracked", "words"),
    [
        ({"alerts": ["slack"]}, "no secret `url` of `slack`"), ({"tee": ["tensorbord"]}, "unknown follower"),
        ({"tee": ["tensorboard"], "sinks": []}, "`track.sinks` has none"),
        ({"alerts": {"channels": [{"kind": "email", "to": ["a@b"]}]}}, "host"),
    ],
)  # fmt: skip
def test_a_follower_that_cannot_be_is_refused_before_there_is_a_run(tmp_path, monkeypatch, tracked, words):
    monkeypatch.setenv("WHET_KEYRING", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=words):
        train(from_mapping(settings(tmp_path, "run", **tracked)))
    assert not (tmp_path / "runs").exists()
