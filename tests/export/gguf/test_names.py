"""What of a model's name and its templates goes into a GGUF file."""

from __future__ import annotations

import pytest

from tests.tiny import CHATML, tokenizer
from whet.export.gguf.vocabulary import vocabulary
from whet.export.gguf.writing import told_name


@pytest.fixture
def made(tmp_path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tokenizer(tmp_path / "tokenizer"))


@pytest.mark.case("D7")
def test_of_several_chat_templates_the_default_is_the_template_and_the_others_have_names(made):
    made.chat_template = {"tool_use": "{{ messages }}", "default": CHATML, "rag": "x"}
    found = vocabulary(made, 400)
    assert found["chat_templates"] == ["rag", "tool_use"]
    assert found["chat_template.rag"] == "x" and "<|im_start|>" in found["chat_template"]
    assert "endgeneration" not in found["chat_template"]


@pytest.mark.case("D8")
@pytest.mark.parametrize(
    ("name", "told"),
    [("my-phi3-run", "my-phi 3-run"), ("Phi-3", "Phi 3"), ("qwen3", "qwen3"), ("phi-2", "phi-2")],
)
def test_a_name_that_llama_cpp_takes_for_phi_3_is_told_otherwise(made, name, told):
    """Where it finds `phi3` or `phi-3` it has special tokens take the blanks behind them."""
    assert told_name(name, made) == told


@pytest.mark.case("D8")
def test_phi_3_itself_keeps_its_name(made):
    from tokenizers import AddedToken

    made.add_tokens([AddedToken("<|user|>", rstrip=True, special=True)])
    assert told_name("Phi-3-mini", made) == "Phi-3-mini"
