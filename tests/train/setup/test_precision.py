"""`train.precision: auto`: what a machine is faster with, decided once."""

from __future__ import annotations

import json

import pytest
import torch

from tests.tiny import LLAMA, config
from whet.base.config import from_mapping
from whet.train.api import resume, train
from whet.train.build import assemble
from whet.train.setup import precision

WIDE = {"model": {"init": {**LLAMA, "hidden_size": 256}}}


@pytest.fixture
def machine(monkeypatch):
    """A processor with instructions for bf16 that make a layer so many times as fast."""

    def made(gain, has_bf16=True):
        monkeypatch.setattr(precision, "has_bf16", lambda: has_bf16)
        monkeypatch.setattr(precision, "gain", lambda width: gain)

    return made


def run_of(folder, name, **sections):
    return from_mapping(config(folder, name=name, train={"precision": "auto", "steps": 2}, **sections))


def said(folder):
    records = [json.loads(line) for line in (folder.path / "records.jsonl").read_text().splitlines()]
    return [r["text"] for r in records if r["kind"] == "notice" and "precision" in r["text"]]


@pytest.mark.case("F")
@pytest.mark.parametrize(
    ("gain", "has_bf16", "sections", "chosen"),
    [(2.0, True, WIDE, "bf16"), (1.1, True, WIDE, "fp32"), (2.0, False, WIDE, "fp32"), (2.0, True, {}, "fp32")],
    ids=["faster", "hardly faster", "no instructions", "narrow layers"],
)
def test_auto_is_bf16_where_a_model_of_this_width_is_faster_in_it_and_says_so(
    tmp_path, machine, gain, has_bf16, sections, chosen
):
    machine(gain, has_bf16)
    built = assemble(run_of(tmp_path, "auto", **sections))
    built.close()
    assert json.loads(built.folder.resolved.read_text())["precision"] == chosen
    assert len(said(built.folder)) == (chosen == "bf16")


def test_a_run_goes_on_as_it_began_whatever_the_machine_is_faster_with_now(tmp_path, machine):
    machine(2.0)
    built = assemble(run_of(tmp_path, "half", **WIDE))
    built.loop.advance(built.loop.source.next(0))
    built.loop.checkpoints.save(1)
    built.close()
    machine(1.0)
    folder, ended = resume(tmp_path / "runs" / "half")
    assert ended.outcome == "done" and json.loads(folder.resolved.read_text())["precision"] == "bf16"
    whole, _ = train(from_mapping(config(tmp_path, name="whole", train={"precision": "bf16", "steps": 2}, **WIDE)))
    losses = [
        [r["metrics"]["loss"] for r in map(json.loads, (f.path / "records.jsonl").open()) if r["kind"] == "step"][-1]
        for f in (folder, whole)
    ]
    assert losses[0] == losses[1]


def test_what_is_asked_for_is_computed_in(tmp_path, machine):
    machine(2.0)
    built = assemble(from_mapping(config(tmp_path, name="asked", train={"precision": "fp32", "steps": 2}, **WIDE)))
    built.close()
    assert built.loop.executor.autocast is None


def test_the_gain_is_measured_on_this_processor():
    assert 0 < precision.gain(64) < 1000
    assert torch.get_autocast_dtype("cpu") == torch.bfloat16


@pytest.mark.case("F")
def test_a_torch_without_onednn_has_no_bf16(monkeypatch):
    """Its operators are not there to be asked either."""
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", None)
    assert precision.has_bf16() is False
