"""Texts of single tokens: bytes that are half a character, words with a mark for their space."""

from tests.generate import tiny
from whet.server.openai.token_texts import TokenTexts

TEXT = "Grüße, 你好 🙂 the quick brown fox"


def test_bytes_of_tokens_join_to_the_text():
    for tokenizer, text in ((tiny.tokenizer(), TEXT), (tiny.metaspace_tokenizer(), "the fox jumps walking 🙂")):
        texts = TokenTexts(tokenizer)
        ids = tokenizer.encode(text, add_special_tokens=False)
        joined = b"".join(texts.bytes(token) for token in ids).decode()
        assert joined.strip() == text


def test_half_a_character_is_written_by_its_bytes():
    tokenizer = tiny.tokenizer()
    texts = TokenTexts(tokenizer)
    first = tokenizer.encode("🙃", add_special_tokens=False)[0]
    told = texts.text(first)
    assert told.startswith("\\x") or told == "🙃"
    assert texts.text(tokenizer.eos_token_id) == tokenizer.eos_token
