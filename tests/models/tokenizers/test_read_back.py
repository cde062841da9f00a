"""A tokenizer that is trained with is the one that others read from the written folder."""

from __future__ import annotations

import json

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests import tiny
from tests.generate.tiny import tokenizer
from whet.base.config import from_mapping
from whet.models.loading.reading import read
from whet.models.loading.spec import Spec
from whet.train.api import train

# A letter with its accent apart, and digits: Qwen's tokenizer composes the one and cuts the others one by one.
TEXTS = ("e\u0301tude", "in 12345 days", "  x\n\n")


@pytest.fixture
def folder(tmp_path):
    tokenizer().save_pretrained(tmp_path / "words")
    return tmp_path / "words"


@pytest.mark.case("G8")
@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3_5_moe_text"])
def test_no_token_is_added_and_text_is_cut_as_the_written_folder_will(tmp_path, folder, kind):
    config, found = read(Spec(init={**tiny.LLAMA, "model_type": kind}, tokenizer=str(folder)))
    assert found.get_vocab() == tokenizer().get_vocab()
    config.save_pretrained(tmp_path / "written")
    from whet.export.writing import write_tokenizer

    write_tokenizer(tmp_path / "written", found, None)
    theirs = AutoTokenizer.from_pretrained(tmp_path / "written")
    assert theirs.get_vocab() == found.get_vocab() and theirs.chat_template == found.chat_template
    assert [theirs.encode(text) for text in TEXTS] == [found.encode(text) for text in TEXTS]


@pytest.mark.case("G8")
def test_what_a_qwen2_from_scratch_writes_can_be_read_and_trained_again(tmp_path):
    model = {"init": {**tiny.LLAMA, "model_type": "qwen2"}, "tokenizer": str(tiny.tokenizer(tmp_path / "own"))}
    first, _ = train(from_mapping(tiny.config(tmp_path, name="first", train={"steps": 1}) | {"model": model}))
    assert (
        len(AutoTokenizer.from_pretrained(first.model))
        == AutoModelForCausalLM.from_pretrained(first.model).config.vocab_size
    )
    told = [json.loads(line) for line in (first.path / "records.jsonl").read_text().splitlines()]
    assert any("Qwen2Tokenizer" in record.get("text", "") for record in told)
    again = {"path": str(first.model)}
    second, ended = train(from_mapping(tiny.config(tmp_path, name="second", train={"steps": 1}) | {"model": again}))
    assert ended.outcome == "done"
