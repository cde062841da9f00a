"""Training a tokenizer: lossless, deterministic, loadable by transformers, with a template whose replies are marked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from whet.base.errors import ConfigError, DataError
from whet.models.tokenizers.training import BEGIN, END, PAD, TURN, bytes_per_token, train_tokenizer

TEXTS = [path.read_text(encoding="utf-8") for path in sorted(Path(json.__file__).parent.glob("*.py"))]
TALK = [{"role": "user", "content": "What does `def f(x)` do?"}, {"role": "assistant", "content": "Return x."}]


@pytest.fixture(scope="module")
def plain() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 400)


@pytest.fixture(scope="module")
def chat() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 400, chat=True)


@given(text=st.text(max_size=40))
def test_any_text_comes_back_unchanged(plain: PreTrainedTokenizerFast, text: str) -> None:
    ids = plain(text, add_special_tokens=False)["input_ids"]
    assert plain.decode(ids) == text


def test_autotokenizer_loads_the_folder_and_encodes_alike(chat: PreTrainedTokenizerFast, tmp_path: Path) -> None:
    chat.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert [loaded.bos_token, loaded.eos_token, loaded.pad_token] == [BEGIN, END, PAD]
    assert loaded(TEXTS[0])["input_ids"] == chat(TEXTS[0])["input_ids"]
    assert loaded.chat_template == chat.chat_template
    assert len(loaded) == len(chat) == 400


def test_the_begin_token_comes_first_once(plain: PreTrainedTokenizerFast, chat: PreTrainedTokenizerFast) -> None:
    assert plain("def f")["input_ids"].count(plain.bos_token_id) == 1
    rendered = chat.apply_chat_template(TALK, return_dict=True)["input_ids"]
    assert rendered[0] == chat.bos_token_id
    assert rendered.count(chat.bos_token_id) == 1


def test_special_tokens_vanish_from_decoded_text(chat: PreTrainedTokenizerFast) -> None:
    rendered = chat.apply_chat_template(TALK, return_dict=True)["input_ids"]
    decoded = chat.decode(rendered, skip_special_tokens=True)
    assert not any(token in decoded for token in (BEGIN, END, PAD, TURN))


def test_the_template_marks_the_reply_and_its_end_token(chat: PreTrainedTokenizerFast) -> None:
    out = chat.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)
    marked = [i for i, mark in zip(out["input_ids"], out["assistant_masks"], strict=True) if mark]
    assert chat.decode(marked) == "Return x." + END


def test_tools_come_first_and_a_call_is_trained_as_servers_read_it(chat: PreTrainedTokenizerFast) -> None:
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    tool = {"type": "function", "function": {"name": "add", "description": "Add one."}}
    talk = [
        {"role": "user", "content": "add"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "two"},
    ]
    out = chat.apply_chat_template(talk, tools=[tool], return_dict=True, return_assistant_tokens_mask=True)
    marked = [i for i, mark in zip(out["input_ids"], out["assistant_masks"], strict=True) if mark]
    written = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    assert chat.decode(marked) == f"{written}{END}two{END}"
    tools = f'{BEGIN}{TURN}tools\n{{"name": "add", "description": "Add one."}}{END}\n{TURN}user\n'
    assert chat.decode(out["input_ids"]).startswith(tools)


def test_the_generation_prompt_is_a_prefix_of_the_whole_conversation(chat: PreTrainedTokenizerFast) -> None:
    prompt = chat.apply_chat_template(TALK[:1], add_generation_prompt=True, return_dict=True)["input_ids"]
    whole = chat.apply_chat_template(TALK, return_dict=True)["input_ids"]
    assert whole[: len(prompt)] == prompt


def test_without_chat_there_is_no_template_and_no_turn_token(plain: PreTrainedTokenizerFast) -> None:
    assert plain.chat_template is None
    assert TURN not in plain.get_vocab()


def test_another_process_with_more_threads_learns_the_same_tokens(plain: PreTrainedTokenizerFast) -> None:
    program = (
        "import json, sys; from whet.models.tokenizers.training import train_tokenizer;"
        "print(train_tokenizer(json.load(sys.stdin), 400).backend_tokenizer.to_str())"
    )
    environment = {"RAYON_NUM_THREADS": "4", "PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[3])}
    command, texts = [sys.executable, "-c", program], json.dumps(TEXTS)
    out = subprocess.run(command, input=texts, capture_output=True, text=True, env=environment, check=True).stdout
    assert out.strip() == plain.backend_tokenizer.to_str()


def test_bytes_per_token_counts_utf8_bytes(plain: PreTrainedTokenizerFast) -> None:
    text = "é"  # two bytes that the English corpus never merges
    assert len(plain(text, add_special_tokens=False)["input_ids"]) == 2
    assert bytes_per_token(plain, [text]) == 1.0


def test_more_tokens_make_denser_text() -> None:
    small, large = (bytes_per_token(train_tokenizer(TEXTS, size), TEXTS) for size in (300, 600))
    assert 1 < small < large


def test_a_vocabulary_without_room_for_the_bytes_is_refused_with_the_least_size() -> None:
    with pytest.raises(ConfigError, match="too small") as caught:
        train_tokenizer(TEXTS, 256, chat=True)
    assert "--vocab-size" in caught.value.hint


@pytest.mark.parametrize("texts", [[], ["", " \n\t"]])
def test_no_text_is_refused(texts: list[str]) -> None:
    with pytest.raises(DataError, match="no text"):
        train_tokenizer(texts, 300)


def test_a_mask_and_sentinels_are_there_when_asked_for(tmp_path: Path) -> None:
    train_tokenizer(["a short text"], 400, mask=True, sentinels=3).save_pretrained(tmp_path)
    found = AutoTokenizer.from_pretrained(tmp_path)
    ids = found(f"<extra_id_1>short{found.mask_token}", add_special_tokens=False)["input_ids"]
    assert (ids[0], ids[-1]) == (found.convert_tokens_to_ids("<extra_id_1>"), found.mask_token_id)
    assert len({found.pad_token_id, *found.convert_tokens_to_ids([f"<extra_id_{i}>" for i in range(3)])}) == 4
    assert "<extra_id_3>" not in found.get_vocab() and found.decode(ids, skip_special_tokens=True) == "short"
