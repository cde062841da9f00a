"""A disk that is full at any file that a run writes: one message with a hint, and nothing that was there is lost."""

from __future__ import annotations

import json
import os
import resource
import signal
from functools import partial
from pathlib import Path

import pytest

from tests.nursery import Child
from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.errors import WhetError
from whet.train import api
from whet.train.api import resume, train


def settings(folder: Path, name: str):
    """With a row that is skipped, so that there is a ledger."""
    made = config(folder, name=name, train={"steps": 4, "checkpoint_every": 1}, data={"max_skipped": 0.5})
    rows = folder / "rows.jsonl"
    if "broken" not in rows.read_text():
        rows.write_text(rows.read_text() + '{"instruction": "broken", "output": ""}\n')
    made["track"]["sinks"] = ["log", "jsonl"]
    return made


def limited(folder: Path, name: str, num_bytes: int):
    """Train where every file ends at so many bytes: the outcome, or the refusal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.environ["WHET_CACHE"] = str(folder / "caches" / name)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, resource.RLIM_INFINITY))
    try:
        return train(from_mapping(settings(folder, name)))[1].outcome, ""
    except WhetError as error:
        return error.message, error.hint


def full_at_the_end(folder: Path, name: str, num_bytes: int):
    """Train on a disk that is full when the model is written."""
    real = api.write_result

    def write(*built):
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, resource.RLIM_INFINITY))
        real(*built)

    api.write_result = write
    return limited(folder, name, resource.RLIM_INFINITY)


def gone_on(folder: Path, name: str) -> str:
    """Continue the run, or begin it where it never began: how it ends."""
    run = folder / "runs" / name
    ended = resume(run) if (run / "config.yaml").exists() else train(from_mapping(settings(folder, name)))
    return ended[1].outcome


def losses(folder: Path) -> dict[int, float]:
    lines = (folder / "records.jsonl").read_text().splitlines()
    return {r["step"]: r["metrics"]["loss"] for r in map(json.loads, lines) if r["kind"] == "step"}


@pytest.mark.case("D")
def test_a_full_disk_is_told_at_every_file_and_the_run_goes_on_afterwards(tmp_path, tries):
    assert Child(partial(gone_on, tmp_path, "whole")).wait() == "done"
    whole = losses(tmp_path / "runs" / "whole")
    limits = (700, 60_000, 0, 60, 2_500, 200_000, 9_000, 20, 300, 1_300, 5_000, 20_000, 35_000, 120_000, 400_000)
    told = {}
    for num_bytes in limits[: tries(1, len(limits))]:
        name = f"limit-{num_bytes}"
        message, hint = told[num_bytes] = Child(partial(limited, tmp_path, name, num_bytes)).wait()
        assert message == "done" or hint, message
        folder = tmp_path / "runs" / name
        assert Child(partial(gone_on, tmp_path, name)).wait() == "done", told
        assert losses(folder) == whole, told
    assert any(message != "done" for message, _ in told.values())


@pytest.mark.case("D")
def test_a_disk_that_is_full_at_the_end_costs_no_step_and_the_model_is_written_later(tmp_path, tries):
    for number, num_bytes in enumerate((300, 60_000, 10, 5_000)[: tries(1, 4)]):
        name = f"end-{number}"
        message, hint = Child(partial(full_at_the_end, tmp_path, name, num_bytes)).wait()
        assert "cannot" in message and "whet train" in hint, message
        assert not (tmp_path / "runs" / name / "model").exists()
        assert Child(partial(gone_on, tmp_path, name)).wait() == "done"
        assert (tmp_path / "runs" / name / "model" / "model.safetensors").exists()
