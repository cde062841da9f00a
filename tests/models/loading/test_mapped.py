"""Weights that stay in their files: the same answers, and memory that holds none of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.generate import tiny
from whet.base.errors import ModelError
from whet.generate.models import load_model


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("mapped")
    tiny.folder(root / "own")
    tiny.folder(root / "tied", "qwen3", tie_word_embeddings=True)
    tiny.folder(root / "wide", vocab=60_000, hidden_size=256)
    half = tiny.module().bfloat16()
    half.save_pretrained(root / "half")
    tiny.tokenizer().save_pretrained(root / "half")
    return root


@pytest.mark.parametrize("name", ["own", "tied", "half"])
def test_logits_are_those_of_weights_in_memory(folders, name):
    mapped = load_model(name, root=folders, is_mapped=True)
    dtype = "bf16" if name == "half" else "fp32"
    ids = torch.tensor([[5, 9, 33, 40]])
    with torch.no_grad():
        expected = load_model(name, root=folders, device="cpu", dtype=dtype).module(ids).logits
        assert torch.equal(mapped.module(ids).logits, expected)
    assert not any(one.requires_grad for one in mapped.module.parameters())


def test_they_take_no_memory_of_the_process(folders):
    def own_bytes() -> int:
        return 1024 * int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1])

    size = (folders / "wide" / "model.safetensors").stat().st_size
    load_model("own", root=folders, is_mapped=True)  # what is imported for it
    before = own_bytes()
    loaded = load_model("wide", root=folders, is_mapped=True)
    sums = [float(value.sum()) for value in loaded.module.parameters()]
    assert size > 100 << 20 and len(sums) > 10 and own_bytes() - before < size // 4


@pytest.mark.parametrize(
    ("asked", "said", "hint"),
    [
        ({"dtype": "bf16"}, "is float32 in", "--dtype auto"),
        ({"quantize": "nf4"}, "packed weights are made anew", "--quantize nf4 without --weights mapped"),
        ({"device": "meta"}, "used by the CPU, and not by `meta`", "--device cpu"),
    ],
)
def test_what_would_be_made_anew_is_refused(folders, asked, said, hint):
    with pytest.raises(ModelError, match=said) as refused:
        load_model("own", root=folders, is_mapped=True, **asked)
    assert refused.value.hint.startswith(hint)


def test_an_adapter_whose_base_is_changed_by_it_is_refused(folders, tmp_path):
    from peft import LoraConfig, get_peft_model

    tuned = get_peft_model(tiny.module(), LoraConfig(r=4, target_modules=["q_proj"]))
    tuned.peft_config["default"].base_model_name_or_path = str(folders / "own")
    tuned.save_pretrained(tmp_path / "tuned")
    tiny.tokenizer().save_pretrained(tmp_path / "tuned")
    with pytest.raises(ModelError, match="does not hold"):
        load_model(str(tmp_path / "tuned"), root=folders, is_mapped=True)
