"""Text as it streams: whole characters, the right spaces, stop strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.generate.tiny import metaspace_tokenizer, tokenizer
from whet.generate.detokenize import Detokenizer, StopStrings

TOKENIZERS = {"byte-level": tokenizer, "metaspace": metaspace_tokenizer}


def decoded(tok, ids):
    return tok.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=st.text(max_size=40))
def test_pieces_join_to_the_text_and_none_of_them_breaks_a_character(kind, text):
    tok = TOKENIZERS[kind]()
    text = decoded(tok, tok.encode(text.replace("\ufffd", ""), add_special_tokens=False))
    ids = tok.encode(text, add_special_tokens=False)
    detokenizer = Detokenizer(tok)
    pieces = [detokenizer.push(token) for token in ids]
    assert "".join(pieces) + detokenizer.flush() == decoded(tok, ids)
    assert not any("\ufffd" in piece for piece in pieces)


@given(ids=st.lists(st.integers(0, 255 + 20), max_size=30))
def test_any_byte_level_tokens_join_to_what_they_decode_to(ids):
    tok = tokenizer()
    detokenizer = Detokenizer(tok)
    text = "".join(detokenizer.push(token) for token in ids) + detokenizer.flush()
    assert text == decoded(tok, ids)


def test_a_continuation_keeps_the_space_that_its_first_token_stands_for():
    tok = metaspace_tokenizer()
    walk, fox = tok.convert_tokens_to_ids(["▁walk", "▁fox"])
    detokenizer = Detokenizer(tok, [tok.convert_tokens_to_ids("▁the")])
    assert [detokenizer.push(fox), detokenizer.push(walk)] == [" fox", " walk"]
    assert Detokenizer(tok, [tok.bos_token_id]).push(fox) == "fox"


def test_a_character_of_several_tokens_comes_with_its_last_one():
    tok = metaspace_tokenizer()
    ids = tok.convert_tokens_to_ids([f"<0x{byte:02X}>" for byte in "é🙂".encode()])
    detokenizer = Detokenizer(tok)
    assert [detokenizer.push(token) for token in ids] == ["", "é", "", "", "", "🙂"]


def test_special_tokens_add_nothing():
    tok = tokenizer()
    detokenizer = Detokenizer(tok)
    hello = tok.encode("hello", add_special_tokens=False)
    assert "".join(detokenizer.push(token) for token in [tok.eos_token_id, *hello, tok.eos_token_id]) == "hello"


@given(
    parts=st.lists(st.text("ab#", max_size=4), max_size=8),
    stops=st.lists(st.text("ab#", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_text_ends_before_the_first_stop_string_however_it_is_cut(parts, stops):
    scanner, out = StopStrings(stops), ""
    for part in parts:
        out += scanner.push(part)
        assert not any(stop in out for stop in stops)
    out += scanner.flush()
    whole = "".join(parts)
    complete = [n for n in range(len(whole) + 1) if any(whole[:n].endswith(stop) for stop in stops)]
    assert (scanner.found is not None) == bool(complete)
    assert not complete or (scanner.found in stops and whole[: complete[0]].endswith(scanner.found))
    if complete:
        until = whole[: complete[0]]
        assert out == until[: -max(len(stop) for stop in stops if until.endswith(stop))]
    else:
        assert out == whole


def test_only_what_may_become_a_stop_string_is_held():
    scanner = StopStrings(["###", "END"])
    assert [scanner.push(text) for text in ("one #", "# two E", "N", "D three")] == ["one ", "## two ", "", ""]
    assert scanner.found and scanner.flush() == ""
