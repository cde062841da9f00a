"""What an adapter is put on: what can be adapted, and the nearest name where one selects nothing."""

from __future__ import annotations

import re

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.models.architectures import ARCHITECTURES, SIZES, tiny_model
from tests.models.tuning.test_tuners import build
from whet.base.errors import WhetError
from whet.models.forward import attention
from whet.models.tuning.targets import left_out, linear_names

pytest.importorskip("peft")
attention.register()
PHIMOE = {"num_local_experts": 4, "num_experts_per_tok": 2, "hidden_size": 32, "head_dim": 8}
MAMBA = {"state_size": 4, "num_hidden_layers": 1, "hidden_size": 16, "vocab_size": 61}


def on_meta(kind, **values):
    with torch.device("meta"):
        shape = {**SIZES, **ARCHITECTURES.get(kind, {}), **values}
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape))


@pytest.mark.case("A16")
@pytest.mark.parametrize(
    ("kind", "settings", "at", "hint"),
    [
        ("lora", {"modules_to_save": ["lmhead"]}, "modules_to_save", "did you mean `lm_head`"),
        ("lora", {"modules_to_save": ["head"]}, "modules_to_save", "did you mean `lm_head`"),
        ("lora", {"layers": [0, 99]}, "layers", "the last one"),
        ("lora", {"layers": [0], "targets": ["lm_head"]}, None, None),
        ("lora", {"layers": [0, 1], "targets": ["layers.0.mlp.up_proj"]}, "layers", "tuner.layers"),
        ("lora", {"targets": []}, "targets", "all-linear"),
        ("lora", {"targets": ["q_proj", ""]}, "targets", "all-linear"),
        ("lora", {"targets": ["q_projj"]}, "targets", "did you mean `q_proj`"),
        ("lora", {"exclude": ["gate_prj"]}, "exclude", "did you mean `gate_proj`"),
        ("lora", {"exclude": "nothing.*"}, "exclude", "names such as"),
        ("lora", {"parameters": ["experts.gate_upp"]}, "parameters", "names such as"),
        ("vera", {"modules_to_save": ["lmhead"]}, "modules_to_save", "did you mean `lm_head`"),
        ("adalora", {"layers": [7]}, "layers", "the last one"),
        ("ia3", {"targets": []}, "targets", "all-linear"),
        ("ia3", {"targets": ["k_proj"], "feedforward": ["down_proj"]}, "feedforward", "k_proj"),
        ("ln-tuning", {"targets": ["inputt_layernorm"]}, "targets", "did you mean `input_layernorm`"),
        ("peft", {"method": "hra", "settings": {"target_modules": ["q_prj"]}}, "targets", "did you mean `q_proj`"),
        ("peft", {"method": "lora", "settings": {"target_modules": ["q_proj"], "rank_pattern": {"k_proj": 4}}},
         "settings.rank_pattern", "q_proj"),
        ("freeze", {"patterns": ["lmhead"]}, "patterns", "names look like"),
        ("qat", {"keep": ["dwn_proj"]}, "keep", "names look like"),
    ],
)  # fmt: skip
def test_what_selects_nothing_is_refused_with_the_nearest_name(kind, settings, at, hint):
    if kind == "qat":
        pytest.importorskip("torchao")
    with pytest.raises(WhetError) as error:
        build(kind, **settings).prepare(on_meta("llama"))
    assert error.value.hint and (hint is None or hint in error.value.hint)
    assert at is None or error.value.at == f"tuner.{at}"


@pytest.mark.case("G6")
def test_layers_that_peft_cannot_adapt_are_left_out_and_said():
    routed = build("lora", rank=2).prepare(on_meta("phimoe", **PHIMOE))
    assert not any("router" in name and "lora" in name for name, _ in routed.named_parameters())
    assert any("router" in text for text in left_out(routed))
    recurrent = on_meta("mamba", **MAMBA)
    assert "out_proj" not in linear_names(recurrent) and "in_proj" in linear_names(recurrent)
    assert "backbone.layers.*.mixer.out_proj" in left_out(recurrent)[0]
    with pytest.raises(WhetError) as error:
        build("lora", targets=["out_proj"]).prepare(on_meta("mamba", **MAMBA))
    assert error.value.hint
    plain = build("lora").prepare(on_meta("llama"))
    assert left_out(plain) == []


@pytest.mark.case("G6")
def test_a_model_without_a_linear_layer_is_refused_with_what_it_has():
    class Squeezed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = AutoConfig.for_model("llama")
            self.embed, self.query = torch.nn.Embedding(3, 4), torch.nn.Conv1d(4, 4, 1)

    with pytest.raises(WhetError, match=r"its weights lie in Conv1d \(query\)") as error:
        build("lora").prepare(Squeezed())
    assert "tuner=full" in error.value.hint


@pytest.mark.case("A2")
def test_starts_taken_out_of_weights_that_are_also_the_embeddings_are_refused():
    tied, apart = (on_meta("llama", tie_word_embeddings=is_tied) for is_tied in (True, False))
    with pytest.raises(WhetError, match="`lm_head` out of its weights") as error:
        build("lora", init="pissa", targets=["lm_head"], rank=2).prepare(tied)
    assert error.value.at == "tuner.init"
    build("lora", init="pissa", targets=["lm_head"], rank=2).prepare(apart)
    build("lora", init="pissa", rank=2).prepare(on_meta("llama", tie_word_embeddings=True))


@pytest.mark.case("H2")
def test_dora_does_not_divide_by_rows_of_zeros():
    module = tiny_model("llama", None)
    with torch.no_grad():
        module.lm_head.weight[3] = 0
    method = build("lora", dora=True, targets=["lm_head"], rank=2)
    with pytest.raises(WhetError, match="rows of zeros") as error:
        method.init(method.prepare(module), None)
    assert error.value.at == "tuner.dora"


@pytest.mark.case("H4")
@pytest.mark.parametrize("kind", ["stablelm", "olmo2", "granite", "phi3", "gpt_oss"])
def test_ia3_has_targets_in_every_architecture(kind):
    module = build("ia3").prepare(on_meta(kind))
    trained = {re.sub(r"\.\d+\.", ".", n) for n, p in module.named_parameters() if p.requires_grad}
    assert any(re.search(r"[vk]_proj|qkv_proj", name) for name in trained)
    inner = [part for part in module.modules() if getattr(part, "is_feedforward", False)]
    assert kind == "gpt_oss" or inner  # whose experts are no linear layers


@pytest.mark.case("H5")
def test_prefixes_are_refused_where_layers_have_no_keys():
    with pytest.raises(WhetError, match="keys and values") as error:
        build("prefix", tokens=2).prepare(tiny_model("lfm2", None))
    assert error.value.hint
