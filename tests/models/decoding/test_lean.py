"""The forward in few calls says what transformers' modules say, and steps aside where they do something more."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from tests.generate import tiny
from whet.kernels.cpu_linear import is_packed
from whet.kernels.quantized import Quantized
from whet.models.decoding.lean import joined, lean_of
from whet.models.decoding.pages import Pages
from whet.models.decoding.prepacked import prepacked
from whet.models.decoding.sequences import Beginning, Part
from whet.models.forward import attention

KINDS = {
    "llama": {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 10_000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }},
    "mistral": {"sliding_window": 6},
    "qwen2": {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1},
    "qwen3": {"head_dim": 8, "attention_bias": True},
}  # fmt: skip
TEXTS = [[5, 9, 33, 40, 7, 12, 88, 13, 21, 60], [77, 4, 19], [30, 31, 32, 33, 34, 35, 36, 37]]


def module_of(kind, monkeypatch, **more):
    attention.register()
    shape = {**tiny.SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 128}
    monkeypatch.setitem(tiny.CONFIGS, kind, {**shape, **KINDS[kind], **more})
    module = tiny.module(kind)
    with torch.no_grad():
        for name, value in module.named_parameters():
            if name.endswith(("norm.weight", "bias")):
                value.normal_(1.0, 0.3, generator=torch.Generator().manual_seed(len(name)))
    module.set_attn_implementation(attention.NAME)
    return module


def told(module, is_lean=True, threads=0):
    """Logits of two steps: texts in pieces, and what comes after them."""
    cache = Pages(module, block=4, threads=threads)
    assert (cache._packed._lean is not None) == is_lean
    for key, ids in enumerate(TEXTS):
        cache.begin(key, Beginning(ids))
    cache.run([Part(key, 0, ids[:2], 0) for key, ids in enumerate(TEXTS)])
    found = cache.run([Part(key, 2, ids[2:], len(ids) - 2) for key, ids in enumerate(TEXTS)])
    return [*found, *cache.run([Part(key, len(ids), [50 + key]) for key, ids in enumerate(TEXTS)])]


def assert_as_alone(module):
    read, behind = torch.tensor_split(torch.arange(6), 2), told(module)
    for key, ids in enumerate(TEXTS):
        with torch.no_grad():
            expected = module(torch.tensor([[*ids, 50 + key]]), use_cache=False).logits[0]
        for at, part in ((read[0][key], expected[2:-1]), (read[1][key], expected[-1:])):
            torch.testing.assert_close(behind[at], part, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_the_modules(kind, monkeypatch):
    assert_as_alone(module_of(kind, monkeypatch))


def test_weights_that_change_or_are_others_are_seen_at_the_next_forward(monkeypatch):
    module = module_of("llama", monkeypatch)
    before = told(module)
    with torch.no_grad():
        module.model.layers[0].mlp.up_proj.weight.mul_(0.5)
        module.model.layers[1].self_attn.q_proj.weight = nn.Parameter(torch.randn(32, 32))
    assert not torch.equal(told(module)[-1], before[-1])
    assert_as_alone(module)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])  # the latter with biases
def test_prepacked_weights_say_the_same_on_more_threads_and_come_back(kind, monkeypatch):
    module = module_of(kind, monkeypatch, hidden_size=256, intermediate_size=688)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    alone, threads = told(module), torch.get_num_threads()
    with prepacked(module):
        assert is_packed(module.model.layers[1].mlp.gate_proj.weight)
        attention = module.model.layers[1].self_attn
        assert joined([attention.q_proj, attention.k_proj, attention.v_proj])
        for one, other in zip(told(module, threads=threads + 1), alone, strict=True):
            torch.testing.assert_close(one, other, atol=3e-4, rtol=2e-5)  # logits of up to 20
    assert torch.get_num_threads() == threads
    assert all(torch.equal(value, before.pop(name)) for name, value in module.state_dict().items()) and not before
    assert all(value.requires_grad for value in module.parameters())


@pytest.mark.parametrize("kind", ["tied", "others"])
def test_weights_that_something_else_reads_are_not_packed(kind, monkeypatch):
    module = module_of("llama", monkeypatch, hidden_size=256, vocab_size=1024, tie_word_embeddings=kind == "tied")
    if kind == "others":
        module.register_forward_hook(lambda *_: None)
    with prepacked(module):
        assert not is_packed(module.lm_head.weight)


def test_packed_weights_and_layers_of_adapters_are_called_as_they_are(monkeypatch):
    module = module_of("qwen2", monkeypatch)
    for layer in module.model.layers:
        weight = layer.mlp.down_proj.weight
        layer.mlp.down_proj.weight = nn.Parameter(Quantized.of(weight.detach(), "int8"), requires_grad=False)
    get_peft_model(module, LoraConfig(target_modules=["q_proj", "o_proj"], init_lora_weights=False)).eval()
    assert_as_alone(module)


def test_a_layer_that_somebody_listens_to_is_called(monkeypatch):
    module = module_of("llama", monkeypatch)
    heard = []
    module.model.layers[1].register_forward_hook(lambda *_: heard.append(1))
    assert lean_of(module) is None
    told(module, is_lean=False)
    assert len(heard) == 3


@pytest.mark.parametrize("kind", ["gpt2", "gemma2", "mixtral"])
def test_models_of_other_forms_keep_their_own_forward(kind):
    assert lean_of(tiny.module(kind)) is None
    assert lean_of(tiny.module().bfloat16()) is None
