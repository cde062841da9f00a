"""Adapters through the whole loop: trained, continued, written in PEFT's format, used by every command."""

from __future__ import annotations

import json
from functools import partial

import pytest
import torch

from tests.nursery import Child
from tests.ranks import on_ranks
from tests.tiny import config
from whet.base.config import from_mapping
from whet.base.errors import ModelError
from whet.train.api import resume, train
from whet.train.build import assemble

pytest.importorskip("peft")

COMPARED = True  # every result with its model


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A tiny llama with its tokenizer in a folder of its own, and rows to train on beside it."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from tests.tiny import LLAMA

    folder = tmp_path_factory.mktemp("base")
    config(folder)
    words = AutoTokenizer.from_pretrained(folder / "tokenizer")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        values = {k: v for k, v in LLAMA.items() if k != "model_type"}
        shape = AutoConfig.for_model("llama", vocab_size=len(words), **values)
        module = AutoModelForCausalLM.from_config(shape, dtype=torch.float32)
    module.save_pretrained(folder / "model")
    words.save_pretrained(folder / "model")
    return folder


def run(base, tmp_path, name="one", **sections):
    """The config of a short run on the tiny base."""
    settings = config(base, name=name, **{"tuner": "lora", **sections})
    settings["model"] = sections.get("model", {"path": str(base / "model")})
    settings["track"] = {"folder": str(tmp_path / "runs"), "sinks": ["jsonl"]}
    return settings


@pytest.fixture(scope="module")
def lora(base, tmp_path_factory):
    """A finished run of plain LoRA, which many are compared with."""
    folder, ended = train(from_mapping(run(base, tmp_path_factory.mktemp("lora"))))
    assert ended.outcome == "done"
    return folder


def losses(folder):
    found = {}
    for line in (folder / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "step":
            found[record["step"]] = record["metrics"]["loss"]
    return found


def logits(module, ids=(5, 6, 7, 8, 9)):
    with torch.no_grad():
        return module.eval()(input_ids=torch.tensor([ids]), use_cache=False).logits


def test_tuner_lora_alone_trains_and_writes_what_peft_loads(base, lora):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from whet.generate.models import load_model

    found = losses(lora.path)
    assert found[12] < found[1]
    plain = AutoModelForCausalLM.from_pretrained(base / "model")
    before = logits(plain)
    theirs = logits(PeftModel.from_pretrained(plain, lora.model))
    assert (theirs - before).abs().max() > 0.1
    ours = load_model(str(lora.path), device="cpu")
    assert torch.allclose(logits(ours.module), theirs, atol=1e-5)
    assert AutoTokenizer.from_pretrained(lora.model).chat_template == ours.processor.chat_template
    assert json.loads((lora.model / "equivalence.json").read_text())["passed"]


def test_a_checkpoint_of_an_adapter_leaves_the_base_out(lora):
    from torch.distributed.checkpoint import FileSystemReader

    from whet.train.checkpoints.places import latest

    stored = FileSystemReader(latest(lora.checkpoints)).read_metadata().state_dict_metadata
    names = [name for name in stored if name.startswith("model/")]
    assert names
    assert all("lora_" in name for name in names)


def stopped(settings, step):
    from tests.train.test_resume import by_file, stop_after

    return stop_after(settings, step, by_file)


def continued(base, tmp_path, **sections):
    """Losses of a run that stopped half way and went on."""
    Child(partial(stopped, run(base, tmp_path, "half", **sections), 5)).wait()
    half, ended = resume(tmp_path / "runs" / "half")
    assert ended.outcome == "done"
    assert len(losses(half.path)) == 12
    return losses(half.path)


ADALORA = {"kind": "adalora", "rank": 2, "start_rank": 4, "warmup": 0.1, "final": 0.2}


@pytest.mark.parametrize(
    "tuner",
    [
        pytest.param({"kind": "lora", "init": "pissa"}, marks=pytest.mark.slow),
        {"kind": "lisa", "layers": 1, "every": 2},
        pytest.param(ADALORA, marks=pytest.mark.slow),
        pytest.param({"kind": "lora", "init": "lora-ga", "rank": 4}, marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_with_the_same_bits(base, tmp_path, tuner):
    whole = loss_alone(run(base, tmp_path, "whole", tuner=tuner))  # first, so that it is probed once
    assert continued(base, tmp_path, tuner=tuner) == whole


def test_a_deeper_model_is_written_as_a_plain_one(base, tmp_path):
    from transformers import AutoModelForCausalLM

    folder, _ = train(from_mapping(run(base, tmp_path, tuner={"kind": "llama-pro", "blocks": 1})))
    written = AutoModelForCausalLM.from_pretrained(folder.model)
    assert written.config.num_hidden_layers == 3
    original = AutoModelForCausalLM.from_pretrained(base / "model")
    assert torch.equal(written.model.layers[1].mlp.up_proj.weight, original.model.layers[1].mlp.up_proj.weight)
    assert not torch.equal(written.model.layers[2].mlp.up_proj.weight, original.model.layers[1].mlp.up_proj.weight)


def test_an_adapter_on_a_model_that_is_stored_nowhere_is_refused(base, tmp_path):
    settings = run(base, tmp_path)
    settings["model"] = config(base)["model"]
    with pytest.raises(ModelError, match="needs a base model that is stored"):
        train(from_mapping(settings))


def loss_on_ranks(settings):
    """Losses of a whole run, its model folder written."""
    folder, _ = train(from_mapping(settings))
    return losses(folder.path)


def loss_alone(settings):
    """Losses of a run's loop, which writes no model."""
    built = assemble(from_mapping(settings))
    built.loop.run()
    for sink in built.sinks:
        sink.close()
    return losses(built.folder.path)


# test_qlora has an adapter on two ranks, and below one is narrow there.
SHARDED = [
    pytest.param({"kind": "lora"}, marks=pytest.mark.slow),
    pytest.param({"kind": "lora", "init": "pissa"}, marks=pytest.mark.slow),
    pytest.param({"kind": "lora", "dora": True, "targets": ["q_proj"]}, marks=pytest.mark.slow),
    pytest.param({"kind": "lora", "modules_to_save": ["lm_head"]}, marks=pytest.mark.slow),
    pytest.param({"kind": "vera"}, marks=pytest.mark.slow),
    pytest.param({"kind": "oft"}, marks=pytest.mark.slow),
    pytest.param({"kind": "lisa", "layers": 1, "every": 2}, marks=pytest.mark.slow),
    pytest.param({"kind": "prompt", "tokens": 4}, marks=pytest.mark.slow),
    pytest.param({"kind": "llama-pro", "blocks": 2}, marks=pytest.mark.slow),
]


@pytest.mark.ranks
@pytest.mark.parametrize("tuner", SHARDED, ids=str)
def test_two_ranks_train_like_one(base, lora, tmp_path, tuner):
    is_plain = tuner == {"kind": "lora"}
    expected = losses(lora.path) if is_plain else loss_alone(run(base, tmp_path, "single", tuner=tuner))
    on_ranks(2, loss_on_ranks, run(base, tmp_path, "pair", tuner=tuner))
    assert losses(tmp_path / "runs" / "pair") == pytest.approx(expected, rel=1e-5)
    assert json.loads((tmp_path / "runs" / "pair" / "model" / "equivalence.json").read_text())["passed"]


@pytest.mark.ranks
def test_under_autocast_the_frozen_base_is_narrow_and_the_adapter_is_not(base, tmp_path):
    half = {"steps": 3, "batch_tokens": 128, "micro_batch": 64, "precision": "bf16"}
    narrow = loss_on_ranks(run(base, tmp_path, "narrow", train=half))
    whole = loss_alone(run(base, tmp_path, "whole", tuner={"kind": "freeze", "last": 1}, train=half))
    assert narrow[1] == pytest.approx(whole[1], rel=1e-2)
    on_ranks(2, loss_alone, run(base, tmp_path, "pair", train=half))
    assert losses(tmp_path / "runs" / "pair") == pytest.approx(narrow, rel=1e-2)
    from safetensors.torch import load_file

    stored = load_file(tmp_path / "runs" / "narrow" / "model" / "adapter_model.safetensors")
    assert {t.dtype for t in stored.values()} == {torch.float32}


@pytest.mark.slow
def test_lora_ga_starts_along_the_first_gradient_and_is_written_for_the_original(base, lora, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    ga = {"kind": "lora", "init": "lora-ga", "rank": 4}
    folder, _ = train(from_mapping(run(base, tmp_path, "ga", tuner=ga, train={"steps": 2})))
    found = losses(folder.path)
    assert found[1] == pytest.approx(losses(lora.path)[1], rel=1e-5)
    written = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base / "model"), folder.model)
    assert written.peft_config["default"].r == 8


@pytest.mark.slow
def test_adalora_ends_with_the_mean_rank_that_was_asked_for(base, tmp_path):
    folder, _ = train(from_mapping(run(base, tmp_path, tuner=ADALORA)))
    pattern = json.loads((folder.model / "adapter_config.json").read_text())["rank_pattern"]
    assert sum(sum(kept) for kept in pattern.values()) == 2 * len(pattern)
    assert len({sum(kept) for kept in pattern.values()}) > 1


@pytest.mark.parametrize("kind", ["prompt", pytest.param("prefix", marks=pytest.mark.slow)])
def test_virtual_tokens_are_trained_written_and_used(base, tmp_path, kind):
    from whet.cli.main import main

    settings = {"model": {"path": str(base / "model")}, "tuner": {"kind": kind, "tokens": 4}}
    folder, ended = train(from_mapping(run(base, tmp_path, **settings)))
    assert ended.outcome == "done"
    assert losses(folder.path)[12] != losses(folder.path)[1]
    assert json.loads((folder.model / "equivalence.json").read_text())["passed"]
    asked = ["chat", str(folder.path), "--prompt", "the fox", "--max-new-tokens", "3", "--temperature", "0"]
    assert main([*asked, "--device", "cpu"]) == 0


def test_noise_and_groups_change_the_training_and_not_the_way_it_is_split(base, lora, tmp_path):
    sections = {"steps": 4, "batch_tokens": 128, "neftune": 50.0, "group": 8}
    found = loss_alone(run(base, tmp_path, "noisy", train={**sections, "micro_batch": 64}))
    split = loss_alone(run(base, tmp_path, "split", train={**sections, "micro_batch": 128}))
    assert found == pytest.approx(split, rel=1e-5)
    assert found[1] != pytest.approx(losses(lora.path)[1], rel=1e-4)


@pytest.mark.slow
def test_an_adapter_is_a_model_of_its_own_for_the_next_run(base, lora, tmp_path):
    short = {"train": {"steps": 3}}
    on_top = {"model": {"path": str(lora.path)}, **short}
    second, _ = train(from_mapping(run(base, tmp_path, "second", **on_top)))
    assert losses(second.path)[1] == pytest.approx(losses(lora.path)[12], rel=0.1)
    stored = json.loads((second.model / "adapter_config.json").read_text())
    assert stored["base_model_name_or_path"] == str(lora.model)
    assert json.loads((second.model / "equivalence.json").read_text())["passed"]
    third = run(base, tmp_path, "third", tuner={"kind": "adapter", "path": str(lora.path)}, **short)
    assert loss_alone(third)[1] == pytest.approx(losses(second.path)[1], rel=1e-5)
