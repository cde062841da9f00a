"""Quantized folders, loaded by transformers (compressed-tensors) and by whet, beside the codes they were made of."""

import copy
import json
import shutil
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.export.quantizing.walking import samples
from tests.generate import tiny
from tests.sweeps import some
from whet.base.catalogue import quantizer
from whet.base.errors import ConfigError, ModelError
from whet.export.limits import QUANTIZED
from whet.export.quantizing import folder as quantizing
from whet.export.quantizing.folder import write_quantized
from whet.export.quantizing.original import open_original
from whet.export.report import Report, plain
from whet.generate.models import load_model
from whet.kernels.codes import Codes, Grid, nearest
from whet.kernels.quantized import Quantized
from whet.models.checkpoints.layouts import to_compressed
from whet.models.checkpoints.stored import Stored

IDS = torch.tensor([[5, 9, 2, 44, 17, 8, 60, 31]])


def method(kind, **settings):
    found = quantizer.get(kind)
    return found.build(**found.settings(**settings).values())


def write(tmp_path, kind, *, base=None, model="llama", shape=None, **settings):
    """A quantized tiny model, and the plain model with the same rounded weights."""
    base = base or tiny.folder(tmp_path / "base", model, initializer_range=0.1, **(shape or {}))
    codes = {}
    stored = quantizing._stored

    def noting(pairs, *rest):
        def noted():
            for name, value in pairs:
                if isinstance(value, Codes):
                    codes[name] = value.dense()
                else:
                    codes[name] = value
                yield name, value

        return stored(noted(), *rest)

    quantizing._stored = noting
    try:
        write_quantized(tmp_path / "out", open_original(str(base)), method(kind, **settings), samples=samples())
    finally:
        quantizing._stored = stored
    shutil.copytree(base, tmp_path / "rounded")
    file = tmp_path / "rounded" / "model.safetensors"
    state = load_file(file)
    state |= {name if name in state else f"{name}.weight": value.contiguous() for name, value in codes.items()}
    assert state.keys() == load_file(file).keys()
    save_file(state, file, metadata={"format": "pt"})
    return tmp_path / "out", AutoModelForCausalLM.from_pretrained(tmp_path / "rounded", dtype=torch.float32)


def logits(module):
    with torch.no_grad():
        return module(input_ids=IDS).logits


WAYS = [
    ("gptq", {"group": 32}),
    ("gptq", {"group": 16, "act_order": "off", "symmetric": False}),
    ("gptq", {"group": 0, "bits": 8}),
    ("gptq", {"group": 32, "layout": "gptq"}),
    ("gptq", {"group": 16, "layout": "gptq", "act_order": "group", "symmetric": False}),
    ("awq", {"group": 32}),
    ("awq", {"group": 32, "layout": "gptq", "clip": False}),
    ("int4", {"group": 32}),
    ("int8", {}),
    ("int8", {"activations": True}),
    ("fp8", {"activations": False}),
]


@pytest.mark.parametrize(
    "kind, settings",
    some(WAYS, [WAYS[i] for i in (0, 4, 5, 9, 10)]),
    ids=[f"{k}-{'-'.join(map(str, s.values()))}" for k, s in WAYS],
)
def test_a_folder_computes_with_the_codes_that_were_chosen(tmp_path, kind, settings):
    out, rounded = write(tmp_path, kind, **settings)
    loose = settings.get("activations", False)  # the inputs are rounded too
    deviation = float(logits(rounded).std())
    for module in (plain(out), load_model(str(out), device="cpu").module):
        gap = float((logits(module) - logits(rounded)).abs().max())
        assert gap < (0.2 if loose else 1e-4) * deviation
        assert gap > 0 or not loose
    if kind != "int8":
        size = sum(file.stat().st_size for file in out.glob("*.safetensors"))
        assert size < 0.7 * sum(file.stat().st_size for file in (tmp_path / "base").glob("*.safetensors"))


EXPERTS = [
    ("mixtral", "gptq", {"group": 32}),
    ("mixtral", "int8", {}),
    ("qwen3_moe", "awq", {"group": 16, "symmetric": True}),
    ("qwen3_moe", "fp8", {"activations": False}),
]


@pytest.mark.parametrize(
    "model, kind, settings",
    some(EXPERTS, [EXPERTS[0], EXPERTS[3]]),
    ids=[f"{model}-{kind}" for model, kind, _ in EXPERTS],
)
def test_experts_are_quantized_each_by_itself(tmp_path, model, kind, settings):
    out, rounded = write(tmp_path, kind, model=model, **settings)
    stored, before = load_file(out / "model.safetensors"), load_file(tmp_path / "base" / "model.safetensors")
    of_experts = [name for name in before if ".experts." in name]
    assert len(of_experts) == 2 * 4 * 3
    suffix = "scale" if kind == "fp8" else "packed"
    assert all(f"{name}_{suffix}" in stored for name in of_experts)
    deviation = float(logits(rounded).std())
    theirs = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32) if find_spec("compressed_tensors") else None
    for module in filter(None, (theirs, load_model(str(out), device="cpu").module)):
        # transformers 5.17 unpacks experts of fp8 to bf16, whatever dtype is asked for.
        is_coarse = any(p.dtype == torch.bfloat16 for name, p in module.named_parameters() if ".experts." in name)
        assert torch.allclose(logits(module), logits(rounded), atol=(1e-2 if is_coarse else 1e-4) * deviation)
    ignored = json.loads((out / "config.json").read_text())["quantization_config"]["ignore"]
    gate = "block_sparse_moe" if model == "mixtral" else "mlp"
    assert f"model.layers.0.{gate}.gate" in ignored and f"model.layers.0.{gate}.gate.weight" in stored


def test_experts_without_a_token_are_rounded_and_told(tmp_path):
    base = tiny.folder(tmp_path / "base", "mixtral", num_local_experts=16)
    way, few = method("gptq", bits=8, group=32), samples()[1:2]
    equal = Report(1, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, None, [], QUANTIZED["8 bits"])
    report = write_quantized(tmp_path / "out", open_original(str(base)), way, samples=few, check=lambda folder: equal)
    idle = report.measured["idle experts"]
    assert 0 < idle.after < 2 * 16 * 3 and f"{idle.after:.0f} matrices got no token" in idle.text
    name = idle.text.rpartition("(")[2].partition(",")[0]
    found, weight = load_file(tmp_path / "out" / "model.safetensors"), load_file(base / "model.safetensors")
    expected = to_compressed(nearest(weight[f"{name}.weight"], Grid(8, 32)), Grid(8, 32), True)
    assert torch.equal(found[f"{name}.weight_packed"], expected["weight_packed"])


def test_experts_that_no_reader_takes_are_refused(tmp_path):
    base = tiny.folder(tmp_path / "base", "mixtral")
    assert "layout=compressed-tensors" in refusal(tmp_path, "int4", base, group=32, layout="gptq")
    assert "hint: symmetric=true" in refusal(tmp_path, "awq", base, group=32)
    assert "hint: --kind int8" in refusal(tmp_path, "int8", base, activations=True)
    original, way = open_original(str(base)), method("int4", group=32, layout="gptq")
    write_quantized(tmp_path / "out", original, way, keep=("experts",))
    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert "model.layers.0.block_sparse_moe.experts.0.w1.weight" in stored
    assert "model.layers.0.self_attn.q_proj.qweight" in stored


def test_transformers_alone_reads_the_compressed_tensors_layout(tmp_path):
    pytest.importorskip("compressed_tensors")
    out, rounded = write(tmp_path, "gptq", group=32)
    theirs = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
    assert torch.allclose(logits(theirs), logits(rounded), atol=1e-4 * float(logits(rounded).std()))
    assert not any(isinstance(p, Quantized) for p in theirs.parameters())


@pytest.mark.parametrize("model, group", [("qwen3", 8), ("gemma2", 16)])
def test_other_families_and_a_tied_head(tmp_path, model, group):
    out, rounded = write(tmp_path, "awq", model=model, group=group, symmetric=True)
    assert torch.allclose(logits(plain(out)), logits(rounded), atol=1e-4 * float(logits(rounded).std()))


@pytest.mark.parametrize("kind", ["gptq", "int4"])
def test_each_weight_is_read_once(tmp_path, monkeypatch, kind):
    base = tiny.folder(tmp_path / "base")
    names, read = [], Stored.__getitem__
    monkeypatch.setattr(Stored, "__getitem__", lambda self, name: names.append(name) or read(self, name))
    original = open_original(str(base))
    write_quantized(tmp_path / "out", original, method(kind, group=32), samples=samples())
    assert set(names) == set(original.weights)
    twice = {"model.embed_tokens.weight", "model.norm.weight"} if kind == "gptq" else set()  # stored, and walked with
    assert {name for name in names if names.count(name) > 1} == twice


def test_whet_keeps_the_weights_packed(tmp_path):
    out, _ = write(tmp_path, "gptq", group=32, layout="gptq")
    module = load_model(str(out), device="cpu").module
    packed = [p for p in module.parameters() if isinstance(p, Quantized)]
    assert len(packed) == 14 and all(p.num_bytes < 0.8 * p.numel() for p in packed)


def test_layers_to_keep_and_the_head_stay_as_they_are(tmp_path):
    base = tiny.folder(tmp_path / "base")
    write_quantized(tmp_path / "out", open_original(str(base)), method("int8"), keep=(r"down_proj", r"layers\.1\."))
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    same = [name for name in before if name in after and torch.equal(before[name], after[name])]
    assert "lm_head.weight" in same and "model.layers.0.mlp.down_proj.weight" in same
    assert "model.layers.1.mlp.up_proj.weight" in same and "model.layers.0.mlp.up_proj.weight_packed" in after
    ignored = json.loads((tmp_path / "out" / "config.json").read_text())["quantization_config"]["ignore"]
    assert "model.layers.1.mlp.up_proj" in ignored and "model.layers.0.mlp.up_proj" not in ignored
    with pytest.raises(ModelError, match="no linear layer is called like"):
        write_quantized(tmp_path / "no", open_original(str(base)), method("int8"), keep=("experts",))


def test_an_adapter_is_quantized_merged(tmp_path):
    from peft import LoraConfig

    from tests.models.merging.test_folding import TARGETS, adapter
    from whet.models.tuning.adapters import merged

    base = tiny.folder(tmp_path / "base", initializer_range=0.1)
    module = AutoModelForCausalLM.from_pretrained(base)
    path = adapter(tmp_path / "tuned", copy.deepcopy(module), LoraConfig(task_type="CAUSAL_LM", r=2, **TARGETS))
    place = tmp_path / "tuned" / "adapter_config.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "base_model_name_or_path": str(base)}))
    whole = merged(module, path)
    tiny.tokenizer().save_pretrained(tmp_path / "tuned")
    original = open_original(path)
    assert all(torch.allclose(original.weights[n], whole.state_dict()[n], atol=1e-6) for n in original.weights)
    write_quantized(tmp_path / "out", original, method("int8"))
    gap = (logits(plain(tmp_path / "out")) - logits(whole)).abs().mean()
    assert (
        gap
        < 0.02 * logits(whole).std()
        < (logits(AutoModelForCausalLM.from_pretrained(base)) - logits(whole)).abs().max()
    )


def test_gptq_leaves_the_model_nearer_than_rounding_to_nearest(tmp_path):
    base = tiny.folder(tmp_path / "base", initializer_range=0.1)
    ids = torch.cat([torch.from_numpy(sample.ids).long() for sample in samples()])[None, :60]
    gaps = {}
    for kind in ("gptq", "int4"):
        write_quantized(tmp_path / kind, open_original(str(base)), method(kind, group=32), samples=samples() * 4)
        with torch.no_grad():
            before, after = (plain(folder)(input_ids=ids).logits for folder in (base, tmp_path / kind))
        gaps[kind] = float((before - after).square().mean())
    assert gaps["gptq"] < 0.8 * gaps["int4"]


def refusal(tmp_path, kind, path, **settings):
    with pytest.raises((ModelError, ConfigError)) as error:
        write_quantized(tmp_path / "out", open_original(str(path)), method(kind, **settings), samples=samples())
    assert not (tmp_path / "out").exists() and error.value.hint
    return str(error.value)


def test_what_cannot_be_quantized_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    base = tiny.folder(tmp_path / "base")
    assert "groups of 128 do not divide" in refusal(tmp_path, "int4", base)
    assert "hint: group=32" in refusal(tmp_path, "gptq", base)
    assert "no linear layer" in refusal(tmp_path, "int4", tiny.folder(tmp_path / "gpt2", "gpt2"), group=32)
    assert "hint: act_order=static" in refusal(tmp_path, "gptq", base, act_order="group")
    assert "one scale a row" in refusal(tmp_path, "int8", base, activations=True, group=32)
    odd = tiny.folder(tmp_path / "odd", intermediate_size=36)
    assert "packs 8 at a time" in refusal(tmp_path, "int4", odd, group=0, layout="gptq")
    assert "hint: group=0" in refusal(tmp_path, "int4", odd, group=32)
    write_quantized(tmp_path / "once", open_original(str(base)), method("int8"))
    assert "quantized already, by `compressed-tensors`" in refusal(tmp_path, "int8", tmp_path / "once")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(100, 100, 10))
    assert "the disk has 10 B free" in refusal(tmp_path, "int8", base)


def test_shards_and_dtype(tmp_path):
    base = tiny.folder(tmp_path / "base")
    original = open_original(str(base), torch.bfloat16)
    write_quantized(tmp_path / "out", original, method("int8"), shard_bytes=20_000)
    files = list((tmp_path / "out").glob("model-*.safetensors"))
    assert len(files) > 1
    dtypes = {tensor.dtype for file in files for tensor in load_file(file).values()}
    assert dtypes == {torch.bfloat16, torch.int32, torch.int64}


@pytest.mark.slow
def test_adapters_are_trained_on_packed_weights_and_nothing_else_is(tmp_path, monkeypatch, capsys):
    from whet.cli.main import main

    write(tmp_path, "gptq", group=32, layout="gptq")
    (tmp_path / "text.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in tiny.TEXTS * 4))
    monkeypatch.chdir(tmp_path)
    words = ["train", "--model", "out", "--data", "text.jsonl", "objective=pretrain", "train.steps=1"]
    assert main([*words, "--tuner", "lora", "--name", "lora"]) == 0
    assert main(["export", "lora", "--to", "hf"]) == 0  # merged into the unpacked weights, and proven to be the same
    capsys.readouterr()
    assert main([*words, "--name", "part", "tuner.kind=freeze", "tuner.last=1"]) == 2
    assert "its weights stay as they are" in capsys.readouterr().err
    assert main(["merge", "lora"]) == 2
    assert "hint: whet export runs/lora/model --to hf" in capsys.readouterr().err
    assert main([*words, "--name", "again", "--tuner", "lora", "model.quantize=nf4"]) == 2
    assert "quantized already, by `gptq`" in capsys.readouterr().err
