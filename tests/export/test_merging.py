"""Merged folders: plain transformers loads them to what the adapter did on its base."""

import json
import weakref

import pytest
import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM

from tests.generate import tiny
from tests.models.merging.test_folding import TARGETS, adapter
from whet.base.errors import ConfigError, ModelError
from whet.base.seeds import forked
from whet.export import merging
from whet.export.merging import Part, merge_models
from whet.export.quantizing.original import open_original
from whet.models.checkpoints.stored import Stored
from whet.models.merging.combine import Recipe, slerp


def lora(**settings):
    return LoraConfig(task_type="CAUSAL_LM", **{**TARGETS, **settings})


@pytest.fixture
def base(tmp_path):
    return tiny.folder(tmp_path / "base")


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder)


def merge(base, *parts, recipe=None, **how):
    output = base.parent / "merged"
    report = merge_models(str(base), parts, output, recipe or Recipe(), **how)
    return output, report


@pytest.mark.parametrize("shard_bytes", [10**9, 20_000])
def test_an_adapter_alone_does_merged_what_it_did_on_its_base(base, shard_bytes):
    path = adapter(base.parent / "adapter", load(base), lora(use_dora=True))
    output, report = merge(base, Part(path), shard_bytes=shard_bytes)
    assert report.passed and report.max_difference < 1e-3 * report.deviation and report.generation == 1.0
    assert json.loads((output / "equivalence.json").read_text())["passed"]
    assert (len(list(output.glob("*.safetensors"))) > 1) == (shard_bytes == 20_000)


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["q_proj", "embed_tokens"]},
        pytest.param({"target_modules": ["lm_head"]}, marks=pytest.mark.slow),
        {"modules_to_save": ["lm_head"]},
        pytest.param({"trainable_token_indices": [3, 4]}, marks=pytest.mark.slow),
    ],
    ids=["embedding", "head", "saved head", "tokens"],
)
def test_tied_ends_that_now_differ_are_untied(tmp_path, settings):
    base = tiny.folder(tmp_path / "base", tie_word_embeddings=True)
    path = adapter(tmp_path / "adapter", load(base), lora(**settings))
    output, report = merge(base, Part(path))
    assert report.passed, report.text()
    stays_tied = "trainable_token_indices" in settings
    assert json.loads((output / "config.json").read_text())["tie_word_embeddings"] == stays_tied


def test_an_adapter_on_an_adapter_is_merged_after_it(base):
    first = adapter(base.parent / "first", load(base), lora())
    config = base.parent / "first" / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": str(base)}))
    middle = base.parent / "middle"
    merge_models(str(base), [Part(first)], middle, Recipe(), check=False)
    second = adapter(base.parent / "second", load(middle), lora(use_dora=True))
    expected, _ = merge_models(str(middle), [Part(second)], base.parent / "expected", Recipe(), check=False), None
    assert expected is None
    merge_models(first, [Part(second)], base.parent / "chained", Recipe(), check=False)
    before, after = Stored(base.parent / "expected"), Stored(base.parent / "chained")
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_mixture_of_experts_is_merged_piece_by_piece(tmp_path, monkeypatch):
    base = tiny.folder(tmp_path / "base", "mixtral")
    path = adapter(tmp_path / "adapter", load(base), lora(target_modules=["q_proj", "o_proj"]))
    module, whole = load(base), merging._in_memory
    monkeypatch.setattr(
        merging, "_in_memory", lambda path, dtype="auto": whole(path, dtype) if dtype != "auto" else 1 / 0
    )
    output, report = merge(base, Part(path), shard_bytes=20_000)
    assert report.passed and len(list(output.glob("*.safetensors"))) > 3
    experts = [name for name in Stored(base) if ".experts." in name]
    assert experts and all(torch.equal(Stored(base)[name], Stored(output)[name]) for name in experts)
    assert load(output).state_dict().keys() == module.state_dict().keys()


def test_a_method_that_needs_all_weights_is_merged(base):
    from peft import RandLoraConfig

    path = adapter(base.parent / "adapter", load(base), RandLoraConfig(task_type="CAUSAL_LM", r=4, **TARGETS))
    assert merge(base, Part(path))[1].passed


def other_model(folder):
    """The same architecture with weights of its own, not only of another length."""
    module = tiny.module()
    with torch.no_grad(), forked(1, "other"):
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    module.save_pretrained(folder)
    tiny.tokenizer().save_pretrained(folder)
    return folder


def test_whole_models_are_mixed(base):
    other = other_model(base.parent / "other")
    output, report = merge(base, Part(str(other), 0.25))
    a, b, mixed = Stored(base), Stored(other), Stored(output)
    assert all(torch.allclose(mixed[name], torch.lerp(a[name], b[name], 0.25), atol=1e-6) for name in a)
    assert report.passed and report.max_difference > 0
    output.rename(base.parent / "line")
    output, _ = merge(base, Part(str(other), 0.25), recipe=Recipe("slerp"))
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.allclose(Stored(output)[name], slerp(a[name], b[name], 0.25))
    assert not torch.allclose(Stored(output)[name], Stored(base.parent / "line")[name], atol=1e-4)


def test_the_other_model_whole_is_the_other_model(base):
    other = other_model(base.parent / "other")
    output, report = merge(base, Part(str(other)))
    assert report.passed and report.max_difference == 0
    assert all(torch.equal(Stored(output)[name], Stored(other)[name]) for name in Stored(other))


def test_slerp_of_an_adapter_and_models_unlike_are_refused(base):
    path = adapter(base.parent / "adapter", load(base), lora())
    with pytest.raises(ConfigError, match="slerp lies between"):
        merge(base, Part(path), recipe=Recipe("slerp"))
    wide = tiny.folder(base.parent / "wide", intermediate_size=96)
    with pytest.raises(ModelError, match="has the shape"):
        merge(base, Part(str(wide)))
    deep = tiny.folder(base.parent / "deep", num_hidden_layers=3)
    with pytest.raises(ModelError, match="other weights than the base: model.layers.2"):
        merge(base, Part(str(deep)))
    assert not (base.parent / "merged").exists()


def test_a_merge_that_went_wrong_is_kept_aside(base, monkeypatch):
    path = adapter(base.parent / "adapter", load(base), lora())
    monkeypatch.setattr(merging, "with_adapter", lambda module, path: module)  # as if the adapter were lost in training
    with pytest.raises(ModelError, match="not the trained one"):
        merge(base, Part(path))
    assert (base.parent / "merged.failed" / "equivalence.json").exists() and not (base.parent / "merged").exists()


def test_memory_holds_a_shard_and_a_layer(tmp_path, monkeypatch):
    """Bytes of all tensors alive, counted where they are read and until they are gone."""
    base = tiny.folder(tmp_path / "base", num_hidden_layers=8)
    path = adapter(base.parent / "adapter", load(base), lora())
    alive, most = [0], [0]
    read = Stored.__getitem__

    def counted(self, name):
        tensor = read(self, name)
        alive[0] += tensor.nbytes
        most[0] = max(most[0], alive[0])
        weakref.finalize(tensor.untyped_storage(), lambda n: alive.__setitem__(0, alive[0] - n), tensor.nbytes)
        return tensor

    monkeypatch.setattr(Stored, "__getitem__", counted)
    merge(base, Part(path), shard_bytes=20_000, check=False)
    total, biggest = (f(t.nbytes for t in load(base).state_dict().values()) for f in (sum, max))
    assert biggest <= most[0] <= 20_000 + 2 * biggest < total / 2


@pytest.mark.parametrize("codec", ["nf4", "int8"])
def test_an_adapter_of_a_quantized_base_is_merged_into_what_it_was_trained_on(base, codec):
    """The plain base is another model: merged into that, the adapter would not do what it did."""
    path = adapter(base.parent / "adapter", load(base), lora())
    plain, _ = merge(base, Part(path), check=False)
    plain.rename(base.parent / "plain")
    (base.parent / "adapter" / "quantize.json").write_text(json.dumps({"quantize": codec, "keep": ["v_proj"]}))
    output, report = merge(base, Part(path))
    assert report.passed and report.generation == 1.0
    name = "model.layers.0.self_attn.{}.weight"
    before, found, other = Stored(base), Stored(output), Stored(base.parent / "plain")
    assert not torch.equal(found[name.format("q_proj")], other[name.format("q_proj")])
    assert not torch.equal(found[name.format("k_proj")], before[name.format("k_proj")])
    assert torch.equal(found[name.format("v_proj")], before[name.format("v_proj")])
    second = adapter(base.parent / "second", load(base), lora(r=2))
    output.rename(base.parent / "first")
    with pytest.raises(ModelError, match="quantized in different ways"):
        merge(base, Part(path), Part(second))


def exact(base, *adapters):
    """The base's weights with plain LoRA adapters in them, in float64."""
    weights = {name: tensor.double() for name, tensor in Stored(base).items()}
    for adapter_folder in adapters:
        config = json.loads((adapter_folder / "adapter_config.json").read_text())
        state = {name: tensor.double() for name, tensor in Stored(adapter_folder).items()}
        for key in (key for key in state if key.endswith(".lora_A.weight")):
            change = config["lora_alpha"] / config["r"] * state[key.replace("lora_A", "lora_B")] @ state[key]
            weights[key.removeprefix("base_model.model.").replace(".lora_A", "")] += change
    return weights


@pytest.fixture
def stacked(base):
    """A base in bf16, an adapter on it, and another on that."""
    load(base).to(torch.bfloat16).save_pretrained(base)
    folders = [base.parent / "first", base.parent / "second"]
    for number, (folder, below) in enumerate(zip(folders, [base, folders[0]], strict=True)):
        adapter(folder, load(base).float(), lora(r=2 + number))
        config = folder / "adapter_config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": str(below)}))
    return folders


@pytest.mark.case("A2")
def test_adapters_on_each_other_are_rounded_once(base, stacked):
    first, second = stacked
    wanted = exact(base, first, second)
    merge_models(str(first), [Part(str(second))], base.parent / "half", Recipe())
    for name, tensor in Stored(base.parent / "half").items():
        assert tensor.dtype == torch.bfloat16
        assert (tensor != wanted[name].to(torch.bfloat16)).float().mean() < 1e-3  # where float32 is on the other side
    merge_models(str(first), [Part(str(second))], base.parent / "whole", Recipe(), dtype=torch.float32)
    for name, tensor in Stored(base.parent / "whole").items():
        assert tensor.dtype == torch.float32 and (tensor - wanted[name]).abs().max() < 1e-6


@pytest.mark.case("A2")
def test_what_is_quantized_is_what_was_merged_and_not_that_rounded(base, stacked):
    first, second = stacked
    original, wanted = open_original(str(second)), exact(base, first, second)
    assert original.dtype == torch.bfloat16
    assert all((tensor - wanted[name]).abs().max() < 1e-6 for name, tensor in original.weights.items())


def test_an_adapter_of_a_quantized_base_is_written_in_the_dtype_of_the_base(base, stacked):
    (stacked[0] / "quantize.json").write_text(json.dumps({"quantize": "nf4", "keep": []}))
    merge_models(str(base), [Part(str(stacked[0]))], base.parent / "merged", Recipe(), check=False)
    assert {tensor.dtype for tensor in Stored(base.parent / "merged").values()} == {torch.bfloat16}
