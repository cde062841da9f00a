"""Ctrl-C in a terminal reaches the whole process group: the run stops in one line, and goes on to the bit."""

from __future__ import annotations

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from tests.nursery import Child
from tests.tiny import sentence, write_rows
from tests.train.test_rollouts import bits, settings
from whet.base.config import from_mapping
from whet.cli import exit_codes
from whet.cli.main import main
from whet.train.api import resume, train


def given(folder, name):
    """Rewards that run code in a sandbox, and a function of a file in a worker of its own."""
    values = settings(folder, name, train={"steps": 8, "checkpoint_every": 1})
    rows = [{"prompt": sentence(i, 3 + i % 4), "tests": "assert f(1) == 1"} for i in range(12)]
    write_rows(folder / "prompts.jsonl", rows)
    functions = [{"kind": "python-tests", "unprotected": True}, f"{folder / 'rewards.py'}:vowels"]
    return values | {"rewards": {"functions": functions, "workers": 1}}


def interrupted(folder: Path) -> int:
    """`whet train` as the leader of a process group of its own, as a shell starts it."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background ignores it
    sys.stderr = open(folder / "said", "w", buffering=1)  # noqa: SIM115
    os.dup2(sys.stderr.fileno(), 2)
    (folder / "run.yaml").write_text(from_mapping(given(folder, "cut")).to_yaml())
    return main(["train", str(folder / "run.yaml")])


@pytest.mark.ranks
@pytest.mark.case("D")
def test_ctrl_c_in_a_run_with_workers_is_one_line_and_goes_on_to_the_bit(tmp_path):
    whole, _ = train(from_mapping(given(tmp_path, "whole")))
    child = Child(partial(interrupted, tmp_path))
    records = tmp_path / "runs/cut/records.jsonl"
    while not records.exists() or '"checkpoint"' not in records.read_text():
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGINT)
    assert child.wait() == exit_codes.STOPPED
    said = (tmp_path / "said").read_text()
    assert said.count("stopped at step") == 1 and "asked to stop" in said
    assert "Traceback" not in said and "KeyboardInterrupt" not in said
    folder, ended = resume(tmp_path / "runs/cut")
    assert ended.outcome == "done" and bits(folder.path) == bits(whole.path)
