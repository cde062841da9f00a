"""Every adapter kind against plain PEFT: what is trained, stored and loaded."""

from __future__ import annotations

import json

import pytest
import torch

from tests.models.architectures import tiny_config, tiny_model
from tests.models.batches import packed, random_samples
from tests.sweeps import some
from whet.base.catalogue import tuner
from whet.base.errors import ConfigError, ModelError
from whet.base.seeds import forked
from whet.models.forward import attention
from whet.models.forward.language import LanguageModel
from whet.models.tuning.adapters import merge, stored_adapter, with_adapter

peft = pytest.importorskip("peft")
attention.register()

KINDS = {
    "lora": {"rank": 4},
    "lora-rslora": {"rank": 4, "rslora": True},
    "lora-dora": {"rank": 4, "dora": True},
    "lora-layers": {"rank": 4, "layers": [1], "targets": ["q_proj", "down_proj"]},
    "lora-regex": {"rank": 4, "targets": r".*\.1\.mlp\.(up|gate)_proj"},
    "lora-head": {"rank": 4, "targets": ["q_proj", "lm_head"], "modules_to_save": ["embed_tokens"]},
    "lora-bias": {"rank": 4, "bias": "lora_only", "exclude": ["down_proj"]},
    "lora-gaussian": {"rank": 4, "init": "gaussian", "alpha": 3.0},
    "lora-pissa": {"rank": 4, "init": "pissa"},
    "lora-olora": {"rank": 4, "init": "olora", "rslora": True},
    "vera": {"rank": 16},
    "loha": {"rank": 2},
    "lokr": {"rank": 2},
    "ia3": {},
    "oft": {"block": 8},
    "boft": {"block": 4},
    "ln-tuning": {},
    "peft-hra": {"method": "hra", "settings": {"r": 4, "target_modules": ["q_proj", "v_proj"]}},
    "peft-fourierft": {"method": "fourierft", "settings": {"n_frequency": 20, "target_modules": ["q_proj"]}},
    "peft-miss": {"method": "miss", "settings": {"r": 4, "target_modules": ["q_proj"]}},
}


NOW = ("lora", "lora-dora", "lora-head", "lora-pissa", "vera", "lokr", "ia3", "oft", "ln-tuning", "peft-miss")


def make(name: str, **settings):
    kind = tuner.get(name if name == "ln-tuning" else name.split("-")[0])
    return kind.build(**kind.settings(**settings).values())


def disturb(module, seed=3):
    """Give everything that is trained another value, so that no zero start hides a mistake."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return module


def write(folder, module):
    """The adapter of a module as an export writes it, without tokenizer and card."""
    from safetensors.torch import save_file

    config, tensors = stored_adapter(module, {n: p.detach() for n, p in module.named_parameters()} | buffers(module))
    config.save_pretrained(folder)
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "adapter_model.safetensors"
    )
    return folder


def buffers(module):
    kept = module.state_dict()
    return {name: buffer for name, buffer in module.named_buffers() if name in kept}


def logits(module, ids=(5, 6, 7, 8, 9, 3)):
    with torch.no_grad():
        return module.eval()(input_ids=torch.tensor([ids]), use_cache=False).logits


@pytest.mark.parametrize("name", some(KINDS, NOW))
def test_plain_peft_loads_what_was_trained_and_gives_its_logits(name, tmp_path):
    before = logits(tiny_model("llama", None))
    made = make(name, **KINDS[name])
    module = disturb(made.prepare(tiny_model("llama", None)))
    ours = logits(module)
    assert (ours - before).abs().max() > 1e-4
    theirs = peft.PeftModel.from_pretrained(tiny_model("llama", None), write(tmp_path, module))
    assert torch.allclose(logits(theirs), ours, atol=1e-5)
    assert torch.equal(logits(with_adapter(tiny_model("llama", None), str(tmp_path))), logits(theirs))


@pytest.mark.parametrize("name", KINDS)
def test_only_what_is_stored_is_trained_and_the_rest_stays_out_of_checkpoints(name):
    made = make(name, **KINDS[name])
    module = made.prepare(tiny_model("llama", "whet"))
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    assert trained
    assert trained <= set(made.saved_names(module))
    assert not trained & made.untouched(module)
    assert "model.layers.0.post_attention_layernorm.weight" in made.untouched(module) or name == "ln-tuning"


@pytest.mark.parametrize("name", some(KINDS, NOW))
def test_packed_samples_give_the_gradients_of_separate_ones(name):
    samples = random_samples((9, 5, 7), 61)
    gradients = []
    for batches in ([packed(samples)], [packed([sample]) for sample in samples]):
        with forked("start"):
            module = disturb(make(name, **KINDS[name]).prepare(tiny_model("llama", "whet")).eval())
        model = LanguageModel(module)
        for batch in batches:
            model.run(batch, frozenset({"nll"}))["nll"].backward()
        gradients.append({n: p.grad for n, p in module.named_parameters() if p.requires_grad})
    whole = torch.stack([g.norm() for g in gradients[1].values()]).norm()
    for parameter, gradient in gradients[1].items():
        assert gradient is not None
        assert (gradients[0][parameter] - gradient).norm() <= 1e-5 * max(gradient.norm(), 1e-2 * whole), parameter


@pytest.mark.parametrize("name", ["lora", "lora-dora", "vera", "loha", "oft", "ia3", "ln-tuning"])
def test_the_model_can_be_prepared_on_meta(name):
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        empty = AutoModelForCausalLM.from_config(tiny_config("llama"))
    made = make(name, **KINDS[name])
    names = [(n, p.shape, p.requires_grad) for n, p in made.prepare(tiny_model("llama", None)).named_parameters()]
    assert [(n, p.shape, p.requires_grad) for n, p in made.prepare(empty).named_parameters()] == names
    assert all(p.is_meta for p in empty.parameters())


def test_merging_gives_a_plain_model_of_the_same_logits():
    module = disturb(make("lora", rank=4).prepare(tiny_model("llama", None)))
    expected = logits(module)
    plain = merge(module)
    assert set(plain.state_dict()) == set(tiny_model("llama", None).state_dict())
    assert torch.allclose(logits(plain), expected, atol=1e-5)


@pytest.mark.parametrize("init", ["pissa", "pissa-fast", "olora"])
def test_a_start_from_the_weights_changes_no_logits_and_is_the_weights_own(init):
    before = logits(tiny_model("llama", None))
    module = make("lora", rank=4, init=init).prepare(tiny_model("llama", None))
    assert torch.allclose(logits(module), before, atol=1e-5)
    weight = tiny_model("llama", None).model.layers[0].self_attn.q_proj.weight
    residual = module.model.layers[0].self_attn.q_proj.base_layer.weight
    assert torch.linalg.matrix_rank(weight - residual, rtol=1e-4) == 4


def test_experts_are_targets(tmp_path):
    made = make("lora", rank=2, targets=["q_proj"], parameters=["experts"])
    module = disturb(made.prepare(tiny_model("qwen3_moe", None)))
    trained = {n for n, p in module.named_parameters() if p.requires_grad}
    assert any("experts" in name for name in trained)
    theirs = peft.PeftModel.from_pretrained(tiny_model("qwen3_moe", None), write(tmp_path, module))
    assert torch.allclose(logits(theirs), logits(module), atol=1e-5)
    with pytest.raises(ModelError, match="has no experts"):
        make("lora", parameters=["experts"]).prepare(tiny_model("llama", None))


def test_lora_plus_gives_the_second_matrix_another_rate():
    made = make("lora", rank=2, plus=16.0)
    module = made.prepare(tiny_model("llama", None))
    assert made.rates(module) == {n: 16.0 for n, p in module.named_parameters() if "lora_B" in n}


def test_an_adapter_is_continued_from_its_weights(tmp_path):
    first = disturb(make("lora", rank=4, targets=["q_proj"]).prepare(tiny_model("llama", None)))
    made, base = make("adapter", path=str(write(tmp_path, first))), tiny_model("llama", None)
    assert not torch.equal(logits(made.prepare(base)), logits(first)), "a twin has other shapes and is not filled"
    base = tiny_model("llama", None)
    del base.__dict__["whet_twin"]
    again = made.prepare(base)
    assert torch.equal(logits(again), logits(first))
    assert {n for n, p in again.named_parameters() if p.requires_grad} == {
        n for n, p in first.named_parameters() if p.requires_grad
    }


def test_an_adapter_with_a_head_that_peft_wrote_is_continued(tmp_path):
    """PEFT writes `classifier` and `score` for either kind of head."""
    from transformers import BertConfig, BertForTokenClassification

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=20, **sizes)
    theirs = peft.LoraConfig(task_type="TOKEN_CLS", r=2, target_modules=["query"])
    peft.get_peft_model(BertForTokenClassification(config), theirs).save_pretrained(tmp_path)
    assert set(json.loads((tmp_path / "adapter_config.json").read_text())["modules_to_save"]) == {"classifier", "score"}
    again = make("adapter", path=str(tmp_path)).prepare(BertForTokenClassification(config))
    trained = {name.split(".modules_to_save")[0] for name, p in again.named_parameters() if p.requires_grad}
    assert {name for name in trained if "lora" not in name} == {"classifier"}


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"targets": ["q_projj"]}, "no module is called `q_projj`", "did you mean `q_proj`"),
        ({"targets": r"layers\.7\..*"}, "no module matches", "all-linear"),
        ({"targets": "("}, "no regular expression", "all-linear"),
        ({"layers": [9]}, "no layer 9", "the last one"),
    ],
)
def test_targets_that_the_model_lacks_are_refused(settings, message, hint):
    with pytest.raises(ModelError, match=message) as error:
        make("lora", **settings).prepare(tiny_model("llama", None))
    assert hint is None or hint in error.value.hint


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"method": "hraa"}, "no method `hraa`", "did you mean `hra`"),
        ({"method": "hra", "settings": {"rr": 3}}, "no setting `rr`", "did you mean `r`"),
    ],
)
def test_an_unknown_method_or_setting_of_peft_is_refused(settings, message, hint):
    with pytest.raises(ConfigError, match=message) as error:
        make("peft", **settings)
    assert hint in error.value.hint


def test_an_adapter_of_another_model_is_refused_with_the_shapes(tmp_path):
    module = make("lora", rank=4, targets=["q_proj"]).prepare(tiny_model("qwen3", None))
    write(tmp_path, module)
    with pytest.raises(ModelError, match="does not fit its base: size mismatch"):
        with_adapter(tiny_model("llama", None), str(tmp_path))
    found = json.loads((tmp_path / "adapter_config.json").read_text())
    (tmp_path / "adapter_config.json").write_text(json.dumps({**found, "target_modules": ["k_proj"]}))
    with pytest.raises(ModelError, match="made for another model"):
        with_adapter(tiny_model("llama", None), str(tmp_path))
