"""The model source `hf`: what it builds, and what it says when it cannot."""

from __future__ import annotations

import json
import shutil
import socket

import pytest
import torch
from huggingface_hub import constants
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from tests.models.architectures import SIZES, tiny_model
from tests.models.batches import packed
from whet.base.catalogue import model_source, tuner
from whet.base.errors import ModelError
from whet.contracts.model import ParamRole
from whet.models.loading.context import BuildContext
from whet.models.loading.fill import filled
from whet.models.tuners.full import Full

LLAMA = {"model_type": "llama", **SIZES}


def build(context: BuildContext | None = None, **settings):
    kind = model_source.get("hf")
    return filled(kind.build(context or BuildContext(), **kind.settings(**settings).values()))


@pytest.fixture
def tokenizer(tmp_path):
    """A tokenizer of 40 words, stored."""
    vocab = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, **{f"w{i}": i + 4 for i in range(36)}}
    words = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(WordLevel(vocab, unk_token="<unk>")),
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
    )
    words.save_pretrained(tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


@pytest.fixture
def folder(tmp_path, tokenizer):
    """A tiny llama with its tokenizer, stored."""
    path = tmp_path / "model"
    tiny_model("llama", None).save_pretrained(path)
    for file in tokenizer.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    return path


def refusal(**settings) -> str:
    with pytest.raises(ModelError) as caught:
        build(**settings)
    return str(caught.value)


def test_a_stored_model_comes_back_with_its_tokenizer(folder):
    loaded = build(path=str(folder))
    stored = tiny_model("llama", None).state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in loaded.module.state_dict().items())
    assert len(loaded.processor) == 40
    assert (loaded.capabilities.packed, loaded.capabilities.head, loaded.capabilities.context) == (True, "chunked", 64)
    assert loaded.capabilities.generates
    assert loaded.roles["lm_head.weight"] == ParamRole.HEAD


def test_tokenizer_and_context_are_read_without_weights(folder):
    (folder / "model.safetensors").unlink()
    kind = model_source.get("hf")
    tokenizer, *rest = kind.facts.read(**kind.settings(path=str(folder)).values())
    assert (len(tokenizer), rest) == (40, [64, "causal"])


def test_what_training_saves_transformers_loads(folder, tmp_path):
    from transformers import AutoModelForCausalLM

    build(path=str(folder)).module.save_pretrained(tmp_path / "again")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again")
    assert again.config._attn_implementation == "sdpa"
    assert "whet" not in (tmp_path / "again" / "config.json").read_text()


def test_init_draws_from_its_seed_and_nothing_else():
    before = torch.get_rng_state()
    one, same, other = (build(BuildContext(seed=s), init=LLAMA).module.lm_head.weight for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_init_takes_a_config_file(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))
    assert build(init=str(tmp_path / "config.json")).module.config.hidden_size == 32


def test_init_takes_vocabulary_and_special_tokens_from_the_tokenizer(tokenizer):
    sizes = {k: v for k, v in LLAMA.items() if k != "vocab_size" and not k.endswith("token_id")}
    config = build(init=sizes, tokenizer=str(tokenizer)).module.config
    assert (config.vocab_size, config.bos_token_id, config.eos_token_id, config.pad_token_id) == (40, 1, 2, 0)


def test_weights_take_the_dtype_of_the_context():
    loaded = build(BuildContext(dtype=torch.bfloat16), init=LLAMA)
    assert {p.dtype for p in loaded.module.parameters()} == {torch.bfloat16}


def test_what_is_told_on_meta_stays_true_when_the_values_are_there(folder):
    empty = model_source.get("hf").build(BuildContext(), path=str(folder))
    assert all(tensor.is_meta for tensor in empty.module.state_dict().values())
    told = (empty.capabilities, empty.roles, empty.layers, empty.vocab, empty.costs)
    full = filled(empty)
    assert not any(p.is_meta for p in (*full.module.parameters(), *full.module.buffers()))
    assert told == (full.capabilities, full.roles, full.layers, full.vocab, full.costs)


def test_the_tuner_decides_what_is_trained():
    class HeadOnly(Full):
        def prepare(self, module):
            module.requires_grad_(False)
            module.lm_head.requires_grad_(True)
            return module

    loaded = build(BuildContext(tuner=HeadOnly()), init=LLAMA)
    assert [n for n, p in loaded.module.named_parameters() if p.requires_grad] == ["lm_head.weight"]


def test_full_tuning_trains_everything():
    loaded = build(BuildContext(tuner=tuner.get("full").build()), init=LLAMA)
    assert all(p.requires_grad for p in loaded.module.parameters())


def test_a_model_that_cannot_be_packed_runs_with_a_notice():
    sizes = {name: size for name, size in SIZES.items() if name != "num_key_value_heads"}
    loaded = build(init={"model_type": "yoso", **sizes})
    assert not loaded.capabilities.packed
    assert "each sample in a forward of its own" in loaded.capabilities.notices[0]
    assert loaded.model.run(packed([[5, 6, 7], [8, 9]]), frozenset({"nll"}))["nll"].isfinite()


@pytest.mark.parametrize("settings", [{}, {"path": "x", "init": LLAMA}], ids=["neither", "both"])
def test_path_and_init_are_one_choice(settings):
    assert "either `path` or `init`" in refusal(**settings)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    assert "is not a model: it has no config.json" in refusal(path=str(tmp_path))


def test_a_folder_that_does_not_exist_is_refused(tmp_path):
    assert "does not exist" in refusal(path=str(tmp_path / "nowhere"))


def test_an_adapter_that_names_no_base_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "does not say which model it belongs to" in refusal(path=str(tmp_path))


def test_a_base_that_moved_away_is_refused_and_another_place_can_be_given(folder, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": "/moved/away"}')
    assert "is not at /moved/away" in refusal(path=str(tmp_path / "adapter"))
    assert "is for an adapter's folder" in refusal(path=str(folder), base=str(folder))


def test_a_hub_that_must_not_be_asked_is_said_with_a_command():
    found = refusal(path="someone/some-model")
    assert "neither a folder here nor in the cache of the hub: HF_HUB_OFFLINE forbids to ask it" in found
    assert "hint: check the spelling, or on a machine with network: hf download someone/some-model" in found


def test_a_runs_name_that_is_nearly_right_is_offered_where_a_run_may_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "base").mkdir(parents=True)
    for name in ("bas", "runs/bas"):
        assert "hint: did you mean `base`?" in refusal(path=name)
    for settings in ({"path": "gpt2"}, {"path": "someone/bas"}, {"init": {"model_type": "llama"}, "tokenizer": "bas"}):
        found = refusal(**settings)
        assert "did you mean" not in found and "hf download" in found


@pytest.fixture
def unreachable(monkeypatch):
    """A hub where nobody listens."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield


def test_a_hub_out_of_reach_is_said_before_its_client_tries_again_and_again(unreachable, caplog):
    assert "cannot be reached (Connection refused)" in refusal(path="someone/some-model")
    assert "Retrying" not in caplog.text


def test_a_cached_model_loads_where_the_hub_is_out_of_reach(folder, tmp_path, unreachable, monkeypatch, caplog):
    cache = tmp_path / "hub" / "models--someone--some-model"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder, cache / "snapshots" / ("0" * 40))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert len(build(path="someone/some-model").processor) == 40
    assert "Retrying" not in caplog.text


def test_an_unknown_model_type_is_suggested():
    assert "did you mean `llama`" in refusal(init={"model_type": "lama"})


def test_an_init_without_model_type_is_refused():
    assert "names no model_type" in refusal(init={"hidden_size": 3})


def test_a_model_that_is_not_a_language_model_is_refused():
    assert "`vit` is not a language model" in refusal(init={"model_type": "vit"})
    assert "lists it as ...ForSequenceClassification and ...ForTokenClassification" in refusal(
        init={"model_type": "canine"}
    )


def test_a_config_that_does_not_fit_together_is_refused():
    assert "`llama` cannot be built so" in refusal(init={**LLAMA, "num_attention_heads": 5})


def test_a_broken_config_file_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{")
    assert "not JSON" in refusal(path=str(tmp_path))


def test_pickled_weights_are_refused_with_a_way_to_convert_them(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    found = refusal(path=str(folder))
    assert "pickled weights only" in found
    assert "save_pretrained" in found


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    assert "holds no weights" in refusal(path=str(folder))


def test_weights_that_lack_a_tensor_are_refused(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lack 1 tensors of LlamaForCausalLM: lm_head.weight" in refusal(path=str(folder))


def test_a_model_without_tokenizer_is_refused(folder):
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert "holds no tokenizer" in refusal(path=str(folder))


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 30}))
    assert "the tokenizer has 40 tokens and the model only 30" in refusal(path=str(folder))


def test_code_that_comes_with_a_model_does_not_run_unasked(tmp_path):
    config = {"model_type": "odd", "auto_map": {"AutoConfig": "odd.Odd", "AutoModelForCausalLM": "odd.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "odd.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    assert "brings Python code of its own" in refusal(path=str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_loading_shows_no_bar_where_nobody_watches(folder, capfd):
    from transformers.utils.logging import set_tqdm_hook

    build(path=str(folder))
    assert "Loading weights" not in capfd.readouterr().err
    assert set_tqdm_hook(None) is None, "the hook was left behind"
