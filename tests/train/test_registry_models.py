"""Versions of the registry where a run wants a model: resolved once, recorded, and the same when an alias has moved."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from transformers import LlamaConfig, LlamaForCausalLM

from tests.tiny import LLAMA, config, tokenizer
from whet.base.config import from_mapping
from whet.base.errors import RunError
from whet.track.registry.adding import add
from whet.track.registry.described import candidate, place_of
from whet.track.registry.registry import Registry
from whet.track.terminal.terminal_page import contents, show
from whet.train.api import resume, train
from whet.train.setup.paths import located


@pytest.fixture
def registry(tmp_path):
    """Two versions of a model under `chat`, drawn from two seeds."""
    registry = Registry(tmp_path / "runs" / ".registry")
    for seed in (1, 2):
        folder = tokenizer(tmp_path / f"drawn-{seed}")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            sizes = {name: value for name, value in LLAMA.items() if name != "model_type"}
            LlamaForCausalLM(LlamaConfig(**sizes, vocab_size=400)).save_pretrained(folder)
        found = candidate(folder, None)
        add(registry, "chat", found.contents, found.about)
    return registry


def files(registry, number):
    return str(registry.files(registry.version("chat", number)))


def test_a_run_goes_on_with_the_version_it_began_with(registry, trained, tmp_path):
    registry.alias("chat", "prod", 1)
    model = {"path": "registry:chat@prod", "tokenizer": None, "init": None}
    whole, records = trained("whole", model=model, train={"steps": 6})
    part, _ = trained("part", model=model, train={"steps": 6}, evaluate={})
    for folder in sorted((part / "checkpoints").iterdir())[-1:]:
        if folder.is_dir() and not folder.is_symlink():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
    registry.alias("chat", "prod", 2)
    resume(part)
    losses = [[r["metrics"]["loss"] for r in map(json.loads, (run / "records.jsonl").read_text().splitlines())
               if r["kind"] == "step" and r["step"] > 3] for run in (whole, part)]  # fmt: skip
    assert losses[1][-3:] == losses[0]
    kept = yaml.safe_load((part / "config.yaml").read_text())
    assert kept["model"]["path"] == files(registry, 1)
    depends = contents(part)["depends_on"]["model.path"]
    assert depends["version"] == "registry:chat/1" and "registry:chat/1" in show(part)
    begun = candidate(*place_of(str(part), tmp_path / "runs"))
    assert begun.about["base"] == "registry:chat/1" and begun.about["base_version"] == ["chat", 1]


def test_every_place_of_a_model_in_a_config_takes_a_version(registry, tmp_path):
    registry.alias("chat", "prod", 1)
    settings = config(tmp_path, name="all")
    settings |= {
        "model": {"path": "registry:chat@prod", "tokenizer": "registry:chat/2"},
        "objective": {"kind": "distill", "teacher": {"path": "registry:chat"}},
        "tuner": {"kind": "adapter", "path": "registry:chat/1"},
        "rewards": [{"kind": "model", "path": "registry:chat/2"}],
    }
    run = located(from_mapping(settings).run)
    assert (run.model.path, run.model.tokenizer) == (files(registry, 1), files(registry, 2))
    assert run.objective.teacher.path == files(registry, 2)
    assert run.tuner.path == files(registry, 1)
    assert run.rewards.functions[0].reward.path == files(registry, 2)


def test_a_version_that_is_not_there_is_refused_before_anything_starts(registry, tmp_path):
    with pytest.raises(RunError, match="no alias `prod`"):
        train(from_mapping(config(tmp_path, name="none", model={"path": "registry:chat@prod", "init": None})))
    assert not (tmp_path / "runs" / "none").exists()


def test_a_version_whose_file_was_held_in_place_and_is_gone_is_refused(registry, tmp_path):
    weights = Path(files(registry, 1)) / "model.safetensors"
    weights.unlink()
    weights.symlink_to("/nowhere/model.safetensors")
    with pytest.raises(RunError, match="held in place"):
        located(from_mapping(config(tmp_path, model={"path": "registry:chat/1", "init": None})).run)
