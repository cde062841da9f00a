"""Models that are quantized on load: what quantizing them afterwards gives, streamed, and never trained whole."""

import json
from importlib.util import find_spec

import pytest
import torch
from peft import LoraConfig
from torch import nn

from tests.models.loading.test_pretrained import LLAMA, build, folder, refusal, tokenizer  # noqa: F401
from tests.models.merging.test_folding import adapter
from whet.base.catalogue import tuner
from whet.kernels.dense import dense
from whet.kernels.quantized import Quantized
from whet.models.checkpoints import quantized
from whet.models.loading.context import BuildContext

IDS = torch.arange(4, 30)[None]


def logits(module):
    with torch.no_grad():
        return module.eval()(input_ids=IDS, use_cache=False).logits


def packed_names(module):
    return {name for name, p in module.named_parameters() if isinstance(p, Quantized)}


@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_a_model_quantized_on_load_is_the_loaded_model_quantized(folder, codec):  # noqa: F811
    plain = build(path=str(folder)).module
    ours = build(path=str(folder), quantize=codec).module
    expected = {f"{n}.weight" for n, m in plain.named_modules() if isinstance(m, nn.Linear) and n != "lm_head"}
    assert packed_names(ours) == expected and len(expected) > 10
    state = ours.state_dict()
    for name, weight in plain.state_dict().items():
        wanted = dense(Quantized.of(weight, codec)) if name in expected else weight
        assert torch.equal(dense(state[name]), wanted)
    with torch.no_grad():
        for name in expected:
            plain.get_parameter(name).copy_(dense(state[name]))
    assert torch.equal(logits(ours), logits(plain)) or (logits(ours) - logits(plain)).abs().max() < 1e-5


@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_what_the_model_computes_in_does_not_change_what_is_packed(folder, codec):  # noqa: F811
    """Whoever reads an adapter on this base packs it anew, in float32."""
    half = build(path=str(folder), quantize=codec, context=BuildContext(dtype=torch.bfloat16)).module
    whole = build(path=str(folder), quantize=codec).module
    for name in packed_names(whole):
        ours, read = half.get_parameter(name), whole.get_parameter(name)
        assert ours.dtype == torch.bfloat16 and torch.equal(ours.dequantize(torch.float32), read.dequantize())
    others = {name: p.dtype for name, p in half.named_parameters() if name not in packed_names(half)}
    assert set(others.values()) == {torch.bfloat16} and not any(name.endswith("proj.weight") for name in others)


@pytest.mark.case("A2")
@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_an_adapter_below_is_folded_in_before_anything_is_rounded(folder, tmp_path, codec):  # noqa: F811
    """Training another adapter on it, in bf16: whoever reads that one folds the first in and packs, in float32."""
    below = tmp_path / "below"
    adapter(below, build(path=str(folder)).module, LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"]))
    told = json.loads((below / "adapter_config.json").read_text())
    (below / "adapter_config.json").write_text(json.dumps({**told, "base_model_name_or_path": str(folder)}))
    kind = tuner.get("lora")
    half, whole = (
        build(
            path=str(below), quantize=codec,
            context=BuildContext(dtype=dtype, tuner=kind.build(**kind.settings(targets=["v_proj"]).values())),
        ).module
        for dtype in (torch.bfloat16, torch.float32)
    )  # fmt: skip
    assert len(packed_names(whole)) > 10
    for name in packed_names(whole):
        ours, read = half.get_parameter(name), whole.get_parameter(name)
        assert ours.dtype == torch.bfloat16 and torch.equal(ours.dequantize(torch.float32), read.dequantize())
    others = [p.dtype for name, p in half.named_parameters() if name not in packed_names(half) and "lora" not in name]
    assert set(others) == {torch.bfloat16}


def test_the_model_is_a_plain_one_to_transformers_and_can_be_moved(folder):  # noqa: F811
    module = build(path=str(folder), quantize="nf4").module
    assert not hasattr(module.config, "quantization_config") and not getattr(module, "is_quantized", False)
    before = logits(module)
    assert logits(module.to("cpu").to(torch.float64).to(torch.float32)).equal(before)


def test_while_it_loads_no_second_layer_is_in_full_precision(folder, monkeypatch):  # noqa: F811
    seen = []

    def convert(self, tensors, *args, model, **rest):
        layers = [m for n, m in model.named_modules() if isinstance(m, nn.Linear) and n != "lm_head"]
        seen.append([m for m in layers if not m.weight.is_meta and not isinstance(m.weight, Quantized)])
        return original(self, tensors, *args, model=model, **rest)

    original = quantized._Pack.convert
    monkeypatch.setattr(quantized._Pack, "convert", convert)
    build(path=str(folder), quantize="nf4")
    assert len(seen) > 10 and not any(seen)


def test_layers_that_are_kept_keep_their_precision(folder):  # noqa: F811
    module = build(path=str(folder), quantize="nf4", keep=("down_proj", r"layers\.0\.")).module
    assert packed_names(module)
    assert not any("down_proj" in name or "layers.0." in name for name in packed_names(module))
    assert "no linear layer is called like `lmhead`" in refusal(path=str(folder), quantize="nf4", keep=("lmhead",))
    assert "is no regular expression" in refusal(path=str(folder), quantize="nf4", keep=("(",))
    assert "`model.keep` names layers" in refusal(path=str(folder), keep=("down_proj",))


def test_a_new_model_is_quantized_as_well():
    plain, ours = build(init=LLAMA).module, build(init=LLAMA, quantize="int8").module
    for name in packed_names(ours):
        assert torch.equal(dense(ours.get_parameter(name)), dense(Quantized.of(plain.get_parameter(name).data, "int8")))


@pytest.mark.parametrize(
    "method",
    [
        lambda: tuner.get("full").build(),
        pytest.param(lambda: tuner.get("freeze").build(last=1), marks=pytest.mark.slow),
        lambda: tuner.get("lora").build(init="pissa"),
        pytest.param(lambda: tuner.get("lora").build(init="lora-ga"), marks=pytest.mark.slow),
    ],
)
def test_a_tuner_that_changes_quantized_weights_is_refused_before_any_is_read(folder, method):  # noqa: F811
    for file in folder.glob("*.safetensors"):
        file.unlink()
    said = refusal(context=BuildContext(tuner=method()), path=str(folder), quantize="nf4")
    assert "quantized weights stay as they are" in said and "hint: tuner" in said


def test_what_is_not_quantized_may_be_trained(folder):  # noqa: F811
    method = tuner.get("freeze").build(patterns=("norm", "lm_head"))
    module = build(BuildContext(tuner=method), path=str(folder), quantize="nf4").module
    assert any(p.requires_grad for p in module.parameters())
    assert not any(module.get_parameter(name).requires_grad for name in packed_names(module))


def test_dequantized_it_is_a_dense_model_of_the_same_values(folder):  # noqa: F811
    module = build(path=str(folder), quantize="nf4").module
    before = logits(module)
    assert quantized.quantization_of(module) == quantized.Quantization("nf4")
    dense_module = quantized.dequantize(module)
    assert not packed_names(dense_module) and torch.equal(logits(dense_module), before)


def stored_as(folder, **config):  # noqa: F811
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "quantization_config": config}))
    return str(folder)


@pytest.mark.parametrize(
    ("config", "module", "command"),
    [
        ({"load_in_4bit": True}, "bitsandbytes", "bitsandbytes"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bitsandbytes", "bitsandbytes"),
        ({"quant_method": "gptq", "bits": 3}, "gptqmodel", "gptqmodel"),
        ({"quant_method": "awq", "bits": 4}, "gptqmodel", "gptqmodel"),
        ({"quant_method": "hqq"}, "hqq", "hqq"),
        ({"quant_method": "compressed-tensors"}, "compressed_tensors", "compressed-tensors"),
    ],
)
def test_a_checkpoint_of_another_package_names_it_where_it_is_missing(folder, config, module, command):  # noqa: F811
    if find_spec(module):
        pytest.skip(f"{module} is installed")
    said = refusal(path=stored_as(folder, **config))
    assert "needs the package" in said and "hint: pip install" in said and command in said


def test_a_checkpoint_of_an_unknown_method_and_one_quantized_twice_are_refused(folder):  # noqa: F811
    assert "transformers does not know" in refusal(path=stored_as(folder, quant_method="magic"))
    said = refusal(path=stored_as(folder, quant_method="gptq", bits=4), quantize="nf4")
    assert "quantized already, by `gptq`" in said


@pytest.mark.parametrize("bits", [4, 8])
def test_a_checkpoint_of_bitsandbytes_loads_through_transformers_and_takes_adapters(folder, tmp_path, bits):  # noqa: F811
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    shape = {**LLAMA, "hidden_size": 64, "intermediate_size": 128}  # its CPU kernel needs rows of whole blocks
    build(init=shape).module.save_pretrained(folder)
    how = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8, bnb_4bit_quant_type="nf4")
    theirs = AutoModelForCausalLM.from_pretrained(folder, quantization_config=how, dtype=torch.float32)
    theirs.save_pretrained(tmp_path / "stored")
    for file in folder.glob("*token*"):
        (tmp_path / "stored" / file.name).write_bytes(file.read_bytes())
    ours = build(path=str(tmp_path / "stored"))
    assert torch.allclose(logits(ours.module), logits(theirs), atol=1e-4)
    tuned = build(BuildContext(tuner=tuner.get("lora").build()), path=str(tmp_path / "stored"))
    tuned.module(input_ids=IDS, labels=IDS).loss.backward()
    assert all(p.grad is not None for n, p in tuned.module.named_parameters() if p.requires_grad)
