"""What every rank reads for itself is what transformers loads, bit for bit; where it would not be, nothing is found."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoModelForCausalLM

from tests.models.architectures import ARCHITECTURES, SIZES, tiny_config, tiny_model
from tests.models.loading.test_pretrained import tokenizer  # noqa: F401  (a fixture)
from tests.sweeps import some
from whet.base.catalogue import model_source, tuner
from whet.base.seeds import forked
from whet.models.checkpoints.direct import direct
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled, plain_tensors, put
from whet.models.probing.probes import Verdict

PROBED = Verdict(False, "keep", ())


def tensors(module):
    held = {f"{name}/{last}": value for name, part in module.named_modules() for last, value in plain_tensors(part)}
    return dict(module.named_parameters()) | dict(module.named_buffers()) | held


def same(one, other):
    assert tensors(one).keys() == tensors(other).keys()
    for name, value in tensors(one).items():
        assert torch.equal(value, tensors(other)[name]) and value.dtype == tensors(other)[name].dtype, name


@pytest.fixture
def empty(tokenizer):  # noqa: F811
    def build(path, **settings):
        context = BuildContext(verdict=PROBED, **settings)
        return model_source.get("hf").build(context, path=str(path), tokenizer=str(tokenizer))

    return build


@pytest.mark.parametrize("name", some(ARCHITECTURES, ["llama", "gpt2", "gemma2", "mamba2", "mixtral"]))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_read_is_what_transformers_loads(name, dtype, tmp_path, empty):
    tiny_model(name, None).save_pretrained(tmp_path)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=dtype)
    ours = filled(empty(tmp_path, dtype=dtype))
    same(ours.module, theirs)
    assert ours.module.training == theirs.training
    assert ours.module.generation_config.to_dict() == theirs.generation_config.to_dict()


@pytest.mark.parametrize("chosen", [("lora", {}), ("freeze", {"last": 1}), ("lora", {"init": "gaussian"})])
def test_a_tuner_draws_the_same_beside_weights_that_it_does_not_see(chosen, tmp_path, empty):
    tiny_model("llama", None).save_pretrained(tmp_path)
    kind = tuner.get(chosen[0])
    loaded = empty(tmp_path, tuner=kind.build(**kind.settings(**chosen[1]).values()), seed=5)
    assert loaded.weights.stored
    whole = AutoModelForCausalLM.from_pretrained(tmp_path)
    with forked(5, "tuner"):
        whole = kind.build(**kind.settings(**chosen[1]).values()).prepare(whole)
    same(filled(loaded).module, whole)


def test_a_part_is_read_alone(tmp_path):
    tiny_model("llama", None).save_pretrained(tmp_path)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(tiny_config("llama"))
    held = direct(str(tmp_path), module)[id(module.lm_head.weight)]
    whole = load_file(tmp_path / "model.safetensors")["lm_head.weight"]
    assert torch.equal(held.part((slice(3, 7), slice(0, SIZES["hidden_size"]))), whole[3:7])
    assert held.part((slice(5, 5), slice(0, SIZES["hidden_size"]))).shape == (0, SIZES["hidden_size"])


@pytest.mark.parametrize("name", ["mixtral", "qwen3_moe"])
def test_experts_that_lie_apart_in_files_are_left_to_transformers(name, tmp_path):
    tiny_model(name, None).save_pretrained(tmp_path)
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(tiny_config(name))
    assert direct(str(tmp_path), module) == {}


def test_what_lacks_a_tensor_or_has_both_ends_of_a_tie_is_left_to_transformers(tmp_path):
    tiny_model("llama", None).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    stored = load_file(file)
    config = tiny_config("llama")
    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(config)
        config.tie_word_embeddings = True
        tied = AutoModelForCausalLM.from_config(config)
    assert direct(str(tmp_path), module) and direct(str(tmp_path), tied) == {}
    del stored["lm_head.weight"]
    save_file(stored, file, {"format": "pt"})
    assert direct(str(tmp_path), module) == {} and direct(str(tmp_path), tied)


def test_a_part_of_another_class_comes_with_its_values():
    """Libraries that read quantized checkpoints put layers of their own in the place of plain ones."""

    class Packed(nn.Linear):
        pass

    with torch.device("meta"):
        own = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4)))
    full = nn.Sequential(nn.Linear(2, 3), nn.Sequential(Packed(3, 4)))
    kept, brought, value = own[0], full[1][0], full[0].weight
    put(own, full)
    assert own[0] is kept and own[1][0] is brought and own[0].weight is value
