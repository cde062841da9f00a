"""Adapters folded in layer by layer: PEFT's own merge of the whole model is the oracle, for every method it has."""

import copy

import pytest
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from peft.utils.peft_types import PeftType
from transformers import AutoModelForCausalLM

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.base.seeds import forked
from whet.export.weights import skeleton
from whet.models.merging.combine import Recipe
from whet.models.merging.folding import Adapter, needs_whole_base
from whet.models.merging.weights import Merged, Weighted

TARGETS = {"target_modules": ["q_proj", "down_proj"]}
METHODS = {
    "ADALORA": {"total_step": 10},
    "BOFT": {"boft_block_size": 4},
    "C3A": {"block_size": 8},
    "HRA": {"r": 4},
    "IA3": {"feedforward_modules": ["down_proj"]},
    "LN_TUNING": {"target_modules": ["input_layernorm"]},
    "LOHA": {},
    "LOKR": {},
    "LORA": {},
    "MISS": {"r": 4},
    "OFT": {"oft_block_size": 4, "r": 0},
    "OSF": {},
    "PVERA": {"r": 4},
    "ROAD": {"group_size": 8},
    "SHIRA": {"r": 2},
    "TRAINABLE_TOKENS": {"target_modules": ["embed_tokens"], "token_indices": [1, 5]},
    "VBLORA": {"r": 2, "num_vectors": 16, "vector_length": 8},
    "VERA": {"r": 4},
}
LORAS = {
    "rslora": {"use_rslora": True},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "olora": {"init_lora_weights": "olora"},
    "bias": {"bias": "lora_only", "lora_bias": False},
    "patterns": {"rank_pattern": {"q_proj": 3}, "alpha_pattern": {r"layers\.0\..*down_proj": 5}},
    "regex": {"target_modules": r".*\.0\..*q_proj"},
    "layers": {"layers_to_transform": [1]},
    "saved head": {"modules_to_save": ["lm_head"]},
    "embedding": {"target_modules": ["embed_tokens", "q_proj"]},
    "tokens": {"trainable_token_indices": [3, 4]},
    "all linear": {"target_modules": "all-linear"},
}


def adapter(folder, base, config):
    """A trained adapter: every parameter of it moved, so that none is at a start that hides mistakes."""
    wrapped = get_peft_model(copy.deepcopy(base), config)
    with torch.no_grad(), forked(5, "adapter"):
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn(parameter.shape))
    wrapped.save_pretrained(folder)
    return str(folder)


def folded(base, *paths, weights=None, recipe=None):
    model = skeleton(base.config)
    changes = [
        Weighted(Adapter(path, model), weight)
        for path, weight in zip(paths, weights or [1.0] * len(paths), strict=True)
    ]
    return dict(Merged(base.state_dict(), model, changes, recipe or Recipe()).rounded())


def check(base, path):
    expected = PeftModel.from_pretrained(copy.deepcopy(base), path).merge_and_unload().state_dict()
    found, before = folded(base, path), base.state_dict()
    assert found.keys() == expected.keys() - getattr(base, "all_tied_weights_keys", {}).keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert any(not torch.equal(found[name], before[name]) for name in found)


@pytest.fixture(scope="module")
def base():
    return tiny.module()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("method", METHODS)
def test_every_mergeable_method_is_merged_as_peft_does(tmp_path, base, method):
    config = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[method]](task_type="CAUSAL_LM", **{**TARGETS, **METHODS[method]})
    check(base, adapter(tmp_path, base, config))


@pytest.mark.parametrize("kind", LORAS)
def test_every_kind_of_lora_is_merged_as_peft_does(tmp_path, base, kind):
    check(base, adapter(tmp_path, base, LoraConfig(task_type="CAUSAL_LM", **{**TARGETS, **LORAS[kind]})))


def test_layers_of_gpt2_lie_the_other_way_round(tmp_path):
    base = tiny.module("gpt2")
    check(base, adapter(tmp_path, base, LoraConfig(task_type="CAUSAL_LM", target_modules=["c_attn", "c_proj"])))


def test_experts_that_share_one_tensor_are_merged(tmp_path):
    base = tiny.module("mixtral")
    targets = {"target_modules": ["q_proj"], "target_parameters": ["mlp.experts.down_proj", "mlp.experts.gate_up_proj"]}
    check(base, adapter(tmp_path, base, LoraConfig(task_type="CAUSAL_LM", **targets)))


def test_half_precision_is_rounded_once(tmp_path, base):
    path = adapter(tmp_path, base, LoraConfig(task_type="CAUSAL_LM", **TARGETS))
    half = copy.deepcopy(base).to(torch.bfloat16)
    found = folded(half, path)
    exact = PeftModel.from_pretrained(copy.deepcopy(half).float(), path).merge_and_unload().state_dict()
    assert all(torch.equal(found[name], exact[name].to(torch.bfloat16)) for name in found)


def test_several_are_the_weighted_sum_of_their_products(tmp_path, base):
    """PEFT's `cat` is the exact sum of the products; its `linear` is not."""
    configs = [LoraConfig(task_type="CAUSAL_LM", r=r, **TARGETS) for r in (2, 3)]
    paths = [adapter(tmp_path / str(i), base, config) for i, config in enumerate(configs)]
    both = PeftModel.from_pretrained(copy.deepcopy(base), paths[0], adapter_name="a")
    both.load_adapter(paths[1], adapter_name="b")
    both.add_weighted_adapter(["a", "b"], [0.5, 0.25], "sum", combination_type="cat")
    both.set_adapter("sum")
    expected = both.merge_and_unload().state_dict()
    found = folded(base, *paths, weights=[0.5, 0.25])
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in found)


def test_ties_of_adapters_is_that_of_their_products(tmp_path, base):
    from peft.utils.merge_utils import ties

    configs = [LoraConfig(task_type="CAUSAL_LM", r=r, **TARGETS) for r in (2, 3)]
    paths = [adapter(tmp_path / str(i), base, config) for i, config in enumerate(configs)]
    name, before = "model.layers.1.mlp.down_proj.weight", base.state_dict()
    changes = [folded(base, path)[name] - before[name] for path in paths]
    found = folded(base, *paths, recipe=Recipe("ties", 0.3))[name]
    assert torch.allclose(found, before[name] + ties(changes, torch.ones(2), 0.3), atol=1e-6)


@pytest.mark.parametrize("config", [PromptTuningConfig, PrefixTuningConfig])
def test_what_adds_to_the_input_is_refused(tmp_path, base, config):
    path = adapter(tmp_path, base, config(task_type="CAUSAL_LM", num_virtual_tokens=2))
    with pytest.raises(ModelError, match="_TUNING adapter cannot be merged") as error:
        folded(base, path)
    assert error.value.hint and error.value.at == path


def test_a_method_whose_layers_cannot_merge_is_refused(tmp_path, base):
    path = adapter(tmp_path, base, PEFT_TYPE_TO_CONFIG_MAPPING[PeftType.LILY](task_type="CAUSAL_LM", **TARGETS))
    with pytest.raises(ModelError, match="a LILY adapter cannot be merged"):
        folded(base, path)


def test_an_adapter_of_another_base_is_refused_with_its_names_and_shapes(tmp_path, base):
    wide = tiny.module(intermediate_size=96)
    path = adapter(tmp_path / "wide", wide, LoraConfig(task_type="CAUSAL_LM", r=2, **TARGETS))
    with pytest.raises(ModelError, match="does not fit the base") as error:
        folded(base, path)
    assert "model.layers.0.mlp.down_proj.lora_A.default.weight (2, 96) instead of (2, 64)" in error.value.message
    deep = tiny.module(num_hidden_layers=3)
    path = adapter(tmp_path / "deep", deep, LoraConfig(task_type="CAUSAL_LM", r=2, **TARGETS))
    error = error_of(folded, base, path)
    assert "model.layers.2.mlp.down_proj.lora_A.weight" in error.message and "whet merge" in error.hint
    other = adapter(tmp_path / "gpt2", tiny.module("gpt2"), LoraConfig(task_type="CAUSAL_LM", target_modules=["c_fc"]))
    assert "transformer.h.0.mlp.c_fc.lora_A.weight" in error_of(folded, base, other).message


def error_of(call, *arguments):
    with pytest.raises(ModelError) as error:
        call(*arguments)
    return error.value


def test_methods_that_need_all_weights_at_once_say_so(tmp_path, base):
    for method, whole in (("RANDLORA", True), ("LORA", False)):
        config = PEFT_TYPE_TO_CONFIG_MAPPING[PeftType[method]](task_type="CAUSAL_LM", r=4, **TARGETS)
        assert needs_whole_base(adapter(tmp_path / method, base, config)) == whole


def test_a_layer_at_a_time_is_read(tmp_path, base):
    """Nothing but the module asked for, and what was asked for last, is alive."""
    import weakref

    path = adapter(tmp_path, base, LoraConfig(task_type="CAUSAL_LM", **TARGETS))
    alive, most = [0], [0]

    class Watched(dict):
        def __getitem__(self, name):
            tensor = super().__getitem__(name).clone()
            alive[0] += tensor.nbytes
            most[0] = max(most[0], alive[0])
            weakref.finalize(tensor, lambda size: alive.__setitem__(0, alive[0] - size), tensor.nbytes)
            return tensor

    model = skeleton(base.config)
    mixed = Merged(Watched(base.state_dict()), model, [Weighted(Adapter(path, model))], Recipe())
    for name in mixed:
        mixed[name]
    biggest = max(tensor.nbytes for tensor in base.state_dict().values())
    assert biggest <= most[0] <= 2 * biggest


def test_transformers_loads_what_is_merged(tmp_path, base):
    path = adapter(tmp_path / "adapter", base, LoraConfig(task_type="CAUSAL_LM", **TARGETS))
    module = AutoModelForCausalLM.from_config(base.config)
    module.load_state_dict(folded(base, path))
    ids = torch.arange(3, 30)[None]
    with torch.no_grad():
        live = PeftModel.from_pretrained(copy.deepcopy(base), path).eval()(ids).logits
        assert torch.allclose(module.eval()(ids).logits, live, atol=1e-4)
