"""Adapters on a pipeline of four ranks are those of one process, and a run that goes on has the bits of one whole."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from tests.ranks import on_ranks
from tests.sweeps import some
from tests.tiny import LLAMA, config
from whet.base.config import from_mapping
from whet.train.api import resume, train

pytest.importorskip("peft")
pytestmark = pytest.mark.ranks
STEPS, STOPPED = 4, 2
MESHES = {
    "stages": {"pipeline": 4}, "stages of shards": {"pipeline": 2, "shard": 2},
    "stages of matrices": {"pipeline": 2, "tensor": 2},
}  # fmt: skip
# Packed matrices are refused where ranks of `tensor` would share them (`tests/plan`).
CASES = [(codec, mesh) for codec in (None, "nf4") for mesh in MESHES if (codec, mesh) != ("nf4", "stages of matrices")]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A llama with a layer for each of four stages, its tokenizer beside it, and rows to train on."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("base")
    config(folder)
    words = AutoTokenizer.from_pretrained(folder / "tokenizer")
    shape = {**LLAMA, "num_hidden_layers": 4, "vocab_size": len(words)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape), dtype=torch.float32)
    module.save_pretrained(folder / "model")
    words.save_pretrained(folder / "model")
    return folder


def settings(base, folder, codec, mesh):
    """The config of a short run."""
    given = config(base, name="one", tuner={"kind": "lora", "rank": 4}, train={"steps": STEPS, "checkpoint_every": 100})
    given["model"] = {"path": str(base / "model"), **({"quantize": codec} if codec else {})}
    given["track"] = {"folder": str(folder), "sinks": ["jsonl"], "environment": False, "hardware_every_s": 0}
    return {**given, "parallel": {**mesh, "timeout_s": 60}}


def trained(given, aside):
    """Train to the end, and put the run as it was after some steps aside."""

    @contextmanager
    def stopped(built):
        while built.loop.progress.step < STOPPED:
            built.loop.advance(built.loop.source.next(built.loop.progress.step))
        built.loop._checkpoint()
        if built.world.is_writer:
            shutil.copytree(built.folder.path, aside)
        yield

    return train(from_mapping(given), while_running=stopped)[1].outcome


def continued(path):
    return resume(path)[1].outcome


def outcome(path):
    """Loss and gradient norm of each step, and the adapter that was written."""
    lines = map(json.loads, (path / "records.jsonl").read_text().splitlines())
    figures = [(one["metrics"]["loss"], one["metrics"]["grad_norm"]) for one in lines if one["kind"] == "step"]
    return figures, load_file(path / "model" / "adapter_model.safetensors")


@pytest.fixture(scope="module")
def alone(base, tmp_path_factory):
    """What one process finds, by how the base is packed."""
    found = {}

    def of(codec):
        if codec not in found:
            folder = tmp_path_factory.mktemp("alone")
            train(from_mapping(settings(base, folder, codec, {})))
            found[codec] = outcome(folder / "one")
        return found[codec]

    return of


@pytest.mark.parametrize(("codec", "mesh"), some(CASES, [("nf4", "stages of shards")]))
def test_adapters_in_stages_are_those_of_one_process_and_go_on_to_the_bit(base, alone, tmp_path, codec, mesh):
    given = settings(base, tmp_path / "runs", codec, MESHES[mesh])
    run, aside, whole = tmp_path / "runs" / "one", tmp_path / "aside", tmp_path / "whole"
    assert on_ranks(4, trained, given, aside) == ["done"] * 4
    run.rename(whole)
    aside.rename(run)
    assert on_ranks(4, continued, run) == ["done"] * 4
    (figures, adapter), (again, resumed), (expected, plain) = outcome(whole), outcome(run), alone(codec)
    assert again == figures and len(figures) == STEPS
    assert resumed.keys() == adapter.keys() == plain.keys()
    assert all(torch.equal(resumed[name], tensor) for name, tensor in adapter.items())
    torch.testing.assert_close(torch.tensor(figures), torch.tensor(expected), rtol=1e-5, atol=0)
    for name, tensor in plain.items():
        torch.testing.assert_close(adapter[name], tensor, rtol=1e-4, atol=1e-5)
