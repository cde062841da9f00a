"""What is recorded beside a training is left out where it cannot be recorded."""

from __future__ import annotations

import threading

import pytest
import torch

from whet.base.run import Track
from whet.parallel.world import World
from whet.train.record.build import beside, console_of


def no_more(thread):
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("record", [beside, console_of])
def test_what_cannot_be_recorded_ends_no_training(record, tmp_path, monkeypatch):
    (tmp_path / "track").write_text("a file where a folder should be")
    monkeypatch.setattr(threading.Thread, "start", no_more)
    has_run = False
    with record(Track(), tmp_path / "track", World(torch.device("cpu")), lambda: 0):
        has_run = True
    assert has_run
