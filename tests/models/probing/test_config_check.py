"""A config that does not fit itself is refused before a run is made, with the setting that is to blame."""

from __future__ import annotations

import json

import pytest
from transformers import CONFIG_MAPPING

from tests import tiny
from tests.models.architectures import ARCHITECTURES
from tests.train.test_classes import run_of
from whet.base.config import from_mapping
from whet.base.errors import ModelError
from whet.models.loading.reading import read
from whet.models.loading.spec import Spec
from whet.models.loading.spelling import check_spelling
from whet.train.api import train
from whet.train.build import assemble

SIZES = {k: v for k, v in tiny.LLAMA.items() if k not in ("model_type", "num_key_value_heads")}
LATENT = {name: v for name, v in ARCHITECTURES["deepseek_v3"].items() if name != "num_key_value_heads"}
MISFITS = {
    "head_dim": {"model_type": "llama", **SIZES, "num_key_value_heads": 2, "head_dim": 7},
    "kv heads of deepseek": {"model_type": "deepseek_v3", **SIZES, **LATENT, "num_key_value_heads": 2},
    "num_key_value_heads": {"model_type": "llama", **SIZES, "num_key_value_heads": 3},
    "n_head": {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 3},
}


@pytest.mark.case("G10")
@pytest.mark.parametrize("name", MISFITS)
def test_sizes_that_do_not_go_together_are_a_sentence_about_a_setting(tmp_path, name):
    values = tiny.config(tmp_path)
    values["model"] = {**values["model"], "init": MISFITS[name]}
    with pytest.raises(ModelError) as caught:
        assemble(from_mapping(values))
    assert caught.value.hint
    assert "cannot" in str(caught.value)
    assert not (tmp_path / "runs").exists()


@pytest.mark.case("G10")
def test_the_setting_to_blame_is_named(tmp_path):
    folder = tiny.tokenizer(tmp_path / "words")
    with pytest.raises(ModelError) as caught:
        read(Spec(init=MISFITS["num_key_value_heads"], tokenizer=str(folder)))
    assert caught.value.at == "model.init.num_key_value_heads"
    read(Spec(init={**MISFITS["num_key_value_heads"], "num_key_value_heads": 2}, tokenizer=str(folder)))


@pytest.mark.case("G11")
def test_a_head_of_other_labels_is_made_anew_and_said(tmp_path):
    model = tiny.config(tmp_path)["model"]
    first, _ = train(run_of(tmp_path, "one", "regression", model, train={"steps": 1}))
    second, ended = train(run_of(tmp_path, "three", "single", {"path": str(first.model)}, train={"steps": 1}))
    assert ended.outcome == "done"
    told = [json.loads(line) for line in (second.path / "records.jsonl").read_text().splitlines()]
    assert any("score.weight start at random" in record.get("text", "") for record in told)


@pytest.mark.parametrize(("kind", "typed", "meant"), [
    ("llama", "num_hiden_layers", "num_hidden_layers"),
    ("qwen3", "hiden_size", "hidden_size"),
    ("gpt2", "n_embed", "n_embd"),
    ("t5", "num_decoder_layer", "num_decoder_layers"),
    ("llama", "foo", "leave it out; it has vocab_size"),
    ("gpt2", "hidden_act_fn_of_mine", "leave it out"),
    ("llama", "sliding_window", ""),  # what masks of other architectures read, and nothing of this one
    ("gpt2", "rope_theta", ""),
    ("qwen3", "attention_chunk_size", ""),
])  # fmt: skip
def test_a_misspelt_setting_of_a_new_model_is_refused_with_what_was_meant(kind, typed, meant):
    with pytest.raises(ModelError, match=typed) as caught:
        read(Spec(init={"model_type": kind, typed: 3}))
    assert meant in (caught.value.hint or "")


def test_a_setting_of_a_part_is_refused_too():
    init = {"model_type": "gemma3", "text_config": {"hidden_sizes": 64}}
    with pytest.raises(ModelError, match="`gemma3` has no setting `hidden_sizes`") as caught:
        read(Spec(init=init))
    assert caught.value.at == "model.init.text_config" and "hidden_size`" in caught.value.hint
    with pytest.raises(ModelError, match="has no setting `1`"):
        read(Spec(init={"model_type": "gemma3", "text_config": {1: 2}}))


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_settings_that_an_architecture_has_are_no_misspellings(kind):
    check_spelling(kind, ARCHITECTURES[kind], "model.init")
    check_spelling(kind, CONFIG_MAPPING[kind]().to_dict(), "model.init")
