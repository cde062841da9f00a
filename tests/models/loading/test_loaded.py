"""What a loaded model tells of itself: layers, vocabulary, costs, for every source alike."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import LlamaConfig, XLNetConfig

from tests.models.architectures import SIZES, tiny_model
from tests.tiny import tokenizer
from whet.base.catalogue import model_source, tuner
from whet.contracts.model import Capabilities, ParamRole
from whet.models.forward.tabular import FieldModel
from whet.models.loading.context import BuildContext
from whet.models.loading.families import stated_length
from whet.models.loading.fill import filled
from whet.models.loading.loaded import loaded
from whet.models.loading.reading import context_length

LLAMA = {"model_type": "llama", **SIZES}


@pytest.mark.parametrize(
    ("name", "block"), [("llama", "LlamaDecoderLayer"), ("gpt2", "GPT2Block"), ("mixtral", "MixtralDecoderLayer")]
)
def test_layers_are_the_decoder_blocks(name, block):
    module = tiny_model(name, None)
    told = loaded(module, None, Capabilities(), None)
    assert [type(module.get_submodule(layer)).__name__ for layer in told.layers] == [block] * SIZES["num_hidden_layers"]


def test_a_config_without_a_longest_text_names_none():
    """XLNet's says -1."""
    assert stated_length(XLNetConfig()) is context_length(XLNetConfig()) is None
    assert stated_length(LlamaConfig(max_position_embeddings=7)) == context_length(
        LlamaConfig(max_position_embeddings=7)
    )


def test_layers_are_told_after_the_tuner():
    context = BuildContext(tuner=tuner.get("llama-pro").build(blocks=1))
    assert filled(model_source.get("hf").build(context, init=LLAMA)).layers == tuple(
        f"model.layers.{i}" for i in range(3)
    )


def test_costs_are_those_of_the_tensors():
    told = filled(model_source.get("hf").build(BuildContext(dtype=torch.bfloat16), init=LLAMA))
    parameters = dict(told.module.named_parameters())
    assert sum(told.costs.parameters.values()) == sum(p.numel() for p in parameters.values())
    assert told.costs.parameters[ParamRole.EMBEDDING] == parameters["model.embed_tokens.weight"].numel()
    assert told.costs.weight_bytes == {"bfloat16": sum(p.nbytes for p in parameters.values())}
    assert told.vocab == SIZES["vocab_size"]


def test_a_packed_weight_costs_what_its_parts_take(tmp_path):
    build = model_source.get("hf").build
    filled(build(BuildContext(), init=LLAMA | {"vocab_size": 400})).module.save_pretrained(tmp_path)
    tokenizer(tmp_path)
    plain, packed = (build(BuildContext(), path=str(tmp_path), quantize=q).costs for q in (None, "int8"))
    assert packed.parameters == plain.parameters
    linear = 4 * (plain.parameters[ParamRole.MATRIX])
    assert packed.weight_bytes["float32"] < plain.weight_bytes["float32"] - linear / 2
    assert packed.weight_bytes["int8"] == linear / 4


def test_buffers_that_lie_in_files_are_read_as_weights_are(tmp_path):
    """I-BERT keeps its integer weights in buffers."""
    sizes = {name: size for name, size in SIZES.items() if name != "num_key_value_heads"}
    ibert = {"model_type": "ibert", **sizes, "vocab_size": 400}
    build = model_source.get("hf").build
    written = filled(build(BuildContext(), init=ibert)).module
    for buffer in written.buffers():
        if buffer.is_floating_point():
            buffer.uniform_()
    written.save_pretrained(tmp_path)
    tokenizer(tmp_path)
    read = filled(build(BuildContext(), path=str(tmp_path))).module
    for name, value in written.state_dict().items():
        assert torch.equal(read.state_dict()[name], value), name


def test_a_source_may_name_its_own_layers():
    module = nn.Sequential(nn.Linear(2, 4), nn.Sequential(nn.Linear(4, 4)), nn.Sequential(nn.Linear(4, 4)))
    can = Capabilities(tokens=False)
    assert loaded(module, None, can, FieldModel(module), layers=("1", "2")).layers == ("1", "2")
    assert loaded(module, None, can, FieldModel(module)).layers == ()
