"""Adapters on models whose head is the embedding: stored, merged, sent and grown as PEFT has them."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.models.architectures import ARCHITECTURES, SIZES
from tests.models.loading.test_pretrained import build, tokenizer  # noqa: F401  (a fixture)
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ModelError
from whet.models.loading.context import BuildContext
from whet.models.merging.layers import breaks_ties, live_weights, untie
from whet.models.tuners.full import Full
from whet.models.tuning.adapters import stored_adapter
from whet.parallel.whole import whole_tensors

peft = pytest.importorskip("peft")
IDS = torch.arange(3, 30)[None]
pytestmark = pytest.mark.filterwarnings("ignore:.*tie_word_embeddings", "ignore:.*save_embedding_layers")


def tied(kind="llama", **values):
    shape = {**SIZES, **ARCHITECTURES[kind], "tie_word_embeddings": True, **values}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **shape), dtype=torch.float32).eval()


def logits(module):
    with torch.no_grad():
        return module.eval()(input_ids=IDS, use_cache=False).logits


def moved(module):
    """The module with every trained weight away from its start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.2)
    return module


def stored(module, folder, **settings):
    """What PEFT makes and stores of such an adapter, and what its own forward gives."""
    wrapper = moved(peft.get_peft_model(module, peft.LoraConfig(task_type="CAUSAL_LM", r=2, **settings)))
    wrapper.save_pretrained(folder / "adapter")
    return logits(wrapper)


@pytest.fixture
def base(tmp_path, tokenizer):  # noqa: F811
    """A tied model in a folder, by its architecture."""

    def make(kind="llama", **values):
        path = tmp_path / kind
        module = tied(kind, **values)
        module.save_pretrained(path)
        for file in tokenizer.iterdir():
            (path / file.name).write_bytes(file.read_bytes())
        return path

    return make


@pytest.mark.case("A1")
@pytest.mark.parametrize(
    "kind", ["qwen2", "gpt2", *(pytest.param(n, marks=pytest.mark.slow) for n in ("qwen3", "llama", "gemma3_text"))]
)
def test_new_tokens_of_a_tied_model_are_stored_as_peft_loads_them(base, tmp_path, kind):
    chosen = tuner.get("lora")
    path = base(kind)
    loaded = build(BuildContext(tuner=chosen.build(rank=2)), path=str(path), new_tokens=["<tool>"])
    module = moved(loaded.module)
    names = chosen.build(rank=2).saved_names(module)
    config, tensors = stored_adapter(module, dict(whole_tensors(module, names)))
    assert set(tensors) == set(names.values())
    config.save_pretrained(tmp_path / "out")
    from safetensors.torch import save_file

    save_file({name: t.contiguous().clone() for name, t in tensors.items()}, tmp_path / "out/adapter_model.safetensors")
    theirs = peft.PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(path), tmp_path / "out")
    torch.testing.assert_close(logits(theirs)[0], logits(module)[0], atol=1e-5, rtol=1e-5)


TIES = {
    "lora on the head": {"target_modules": ["q_proj", "lm_head"]},
    "lora on the embedding": {"target_modules": ["q_proj", "embed_tokens"]},
    "lora on both": {"target_modules": ["lm_head", "embed_tokens"]},
    "the head trained whole": {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "the embedding trained whole": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
    "both trained as one": {
        "target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"], "ensure_weight_tying": True,
    },
    "rows of both": {"target_modules": ["q_proj"], "trainable_token_indices": [7, 9]},
}  # fmt: skip


@pytest.mark.case("A2")
@pytest.mark.parametrize("name", TIES)
def test_an_adapter_of_tied_ends_is_merged_as_its_own_forward_says(base, tmp_path, name):
    path = base()
    wanted = stored(AutoModelForCausalLM.from_pretrained(path), tmp_path, **TIES[name])
    one = str(tmp_path / "adapter")
    unmerged = build(path=one, base=str(path)).module
    torch.testing.assert_close(logits(unmerged), wanted, atol=1e-5, rtol=1e-5)
    continued = build(BuildContext(tuner=Full()), path=one, base=str(path)).module
    torch.testing.assert_close(logits(continued), wanted, atol=1e-5, rtol=1e-5)
    on_meta = model_source.get("hf").build(BuildContext(tuner=Full()), path=one, base=str(path)).module
    assert [n for n, _ in on_meta.named_parameters()] == [n for n, _ in continued.named_parameters()]
    sent, plain = dict(live_weights(unmerged)), tied()
    assert continued.config.tie_word_embeddings != breaks_ties(unmerged)
    if breaks_ties(unmerged):
        untie(plain)
    assert sent.keys() == {name for name, _ in plain.named_parameters()}
    plain.load_state_dict(sent, strict=False)
    torch.testing.assert_close(logits(plain), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.case("A2")
@pytest.mark.parametrize("name", ["lora on the head", "rows of both"])
def test_a_tied_adapter_is_exported_and_merged_by_every_command(base, tmp_path, name):
    from whet.export.exporting import export
    from whet.export.merging import Part, merge_models
    from whet.export.source import read_source
    from whet.models.merging.combine import Recipe

    path = base()
    module = AutoModelForCausalLM.from_pretrained(path)
    wanted = stored(module, tmp_path, **TIES[name])
    (tmp_path / "adapter" / "tokenizer.json").write_bytes((path / "tokenizer.json").read_bytes())
    (tmp_path / "adapter" / "tokenizer_config.json").write_bytes((path / "tokenizer_config.json").read_bytes())
    assert export("hf", {}, read_source(str(tmp_path / "adapter")), tmp_path / "exported").passed
    assert merge_models(str(path), [Part(str(tmp_path / "adapter"))], tmp_path / "merged", Recipe()).passed
    for folder in ("exported", "merged"):
        written = AutoModelForCausalLM.from_pretrained(tmp_path / folder)
        torch.testing.assert_close(logits(written), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.case("A2")
def test_a_whole_model_whose_head_was_untied_keeps_it_when_it_is_merged(base, tmp_path):
    from whet.export.merging import Part, merge_models
    from whet.models.merging.combine import Recipe

    path, other = base(), tied()
    untie(other)
    wanted = logits(moved(other.requires_grad_(True)))
    other.save_pretrained(tmp_path / "other")
    merge_models(str(path), [Part(str(tmp_path / "other"))], tmp_path / "merged", Recipe(), check=False)
    written = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    torch.testing.assert_close(logits(written), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.case("A2")
@pytest.mark.parametrize("kind", ["oft", "ia3", "ln-tuning", "lora"])
def test_weights_that_are_sent_say_what_the_adapter_says(kind):
    """Not every method adds a difference to a weight."""
    chosen = tuner.get(kind)
    how = {"dora": True} if kind == "lora" else {}
    module = moved(chosen.build(**how).prepare(tied()))
    plain = tied()
    plain.load_state_dict(dict(live_weights(module)), strict=False)
    torch.testing.assert_close(logits(plain), logits(module), atol=1e-5, rtol=1e-4)


@pytest.mark.case("C6")
@pytest.mark.parametrize("is_tied", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("saved", [None, ["embed_tokens", "lm_head"]])
def test_an_adapter_with_a_grown_vocabulary_is_loaded(base, tmp_path, is_tied, saved):
    path = base("llama", tie_word_embeddings=is_tied)
    module = AutoModelForCausalLM.from_pretrained(path)
    module.resize_token_embeddings(SIZES["vocab_size"] + 2, mean_resizing=False)
    wanted = stored(module, tmp_path, target_modules=["q_proj"], modules_to_save=saved)
    one = str(tmp_path / "adapter")
    chat = build(path=one, base=str(path))
    assert chat.module.config.vocab_size == SIZES["vocab_size"] + 2
    torch.testing.assert_close(logits(chat.module), wanted)
    going = build(BuildContext(tuner=tuner.get("lora").build()), path=one, base=str(path)).module
    torch.testing.assert_close(logits(going), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.case("C6")
def test_an_adapter_that_grew_one_end_alone_is_refused(base, tmp_path):
    from safetensors.torch import load_file, save_file

    path = base("llama", tie_word_embeddings=False)
    module = AutoModelForCausalLM.from_pretrained(path)
    module.resize_token_embeddings(SIZES["vocab_size"] + 2, mean_resizing=False)
    stored(module, tmp_path, target_modules=["q_proj"])
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    save_file({name: t for name, t in load_file(file).items() if "lm_head" not in name}, file)
    with pytest.raises(ModelError, match="the other end's rows are nowhere"):
        build(path=str(tmp_path / "adapter"), base=str(path))


def test_copies_of_layers_leave_the_model_as_it_was():
    module = moved(tuner.get("lora").build(targets=["q_proj", "lm_head"]).prepare(tied()))
    before = copy.deepcopy(module.state_dict())
    list(live_weights(module))
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
