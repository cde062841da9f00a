"""Lookup: looking words up gives the tokens, and the places of tokens, that the tokenizer gives."""

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from tests.data.conversations import make_tokenizer
from whet.data.render import word_cache
from whet.data.render.word_cache import word_encoder

# The splitting patterns of well-known tokenizers.
PATTERNS = {
    "gpt2": None,
    "cl100k": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "one digit": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gaps": r"\p{N}{1,3}",
}
SPECIAL = ["<|im_start|>", "<|im_end|>", "<|im_end|>!", "<tool>"]


def encoder(pattern=None, **changes):
    tokenizer = Tokenizer.from_str(make_tokenizer(special=()).backend_tokenizer.to_str())
    tokenizer.post_processor = None
    if pattern is not None:
        split = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in SPECIAL])
    return tokenizer


ENCODERS = {name: encoder(pattern) for name, pattern in PATTERNS.items()}
LOOKUPS = {name: word_encoder(tokenizer) for name, tokenizer in ENCODERS.items()}
ascii_texts = st.lists(
    st.one_of(
        st.text(st.characters(max_codepoint=127), max_size=12), st.sampled_from([*SPECIAL, "'LL", " \n \n", "  "])
    )
).map("".join)


@pytest.mark.parametrize("name", [name for name in PATTERNS if name != "gaps"])
@settings(max_examples=80)
@given(text=ascii_texts)
def test_tokens_and_their_places_are_the_tokenizers(name, text):
    [ours], theirs = LOOKUPS[name]([text]), ENCODERS[name].encode(text, add_special_tokens=False)
    assert ours.ids == theirs.ids and len(ours) == len(theirs)
    assert [ours.token_to_chars(i) for i in range(len(ours))] == theirs.offsets
    assert [ours.char_to_token(c) for c in range(len(text) + 1)] == [
        theirs.char_to_token(c) for c in range(len(text) + 1)
    ]


def test_text_beyond_ascii_is_left_to_the_tokenizer():
    assert not LOOKUPS["gpt2"].takes("naïve")


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": normalizers.Lowercase()},
        {"pre_tokenizer": pre_tokenizers.ByteLevel(add_prefix_space=True)},
        {"pre_tokenizer": pre_tokenizers.Whitespace()},
        {"pre_tokenizer": None},
        {"model": models.WordLevel({"a": 0}, unk_token="a")},
        {"encode_special_tokens": True},
    ],
)
def test_tokenizers_that_are_not_byte_level_bpe_are_left_alone(changes):
    assert word_encoder(encoder(**changes)) is None


@pytest.mark.parametrize(
    "pattern",
    [PATTERNS["gaps"], r"\w+|\W+", r"(a)|.", r"\p{Greek}+|\s+", r"^a|[\s\S]", r"(?<=a)b|.", r"(?:a{1,2}+|[\s\S])"],
)
def test_patterns_that_the_engines_may_read_differently_are_left_alone(pattern):
    assert word_encoder(encoder(pattern)) is None


def test_added_tokens_that_take_white_space_are_left_to_the_tokenizer():
    tokenizer = encoder()
    tokenizer.add_special_tokens([AddedToken("<x>", rstrip=True)])
    assert word_encoder(tokenizer) is None


def test_it_comes_through_pickling():
    copy = pickle.loads(pickle.dumps(LOOKUPS["cl100k"]))
    text = "It's 12345<tool>"
    assert copy([text])[0].ids == LOOKUPS["cl100k"]([text])[0].ids


def test_a_table_that_grew_too_large_begins_again(monkeypatch):
    monkeypatch.setattr(word_cache, "_MAX_CHARS", 8)
    words, texts = word_cache.word_encoder(ENCODERS["gpt2"]), ["some words", "other words <tool>", "some words again"]
    for _ in range(2):
        found = [words([text])[0].ids for text in texts]
        assert found == [ENCODERS["gpt2"].encode(text, add_special_tokens=False).ids for text in texts]
    assert words._num_chars < 40
