"""Masks: a token is trained only if all its characters lie in a trained span."""

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tests.data.conversations import make_tokenizer
from whet.data.chat.masks import tokens_inside


def encoder(words):
    tokenizer = Tokenizer.from_str(make_tokenizer(words=words).backend_tokenizer.to_str())
    tokenizer.post_processor = None
    return tokenizer


ENCODERS = [encoder(words) for words in (False, True)]


@given(text=st.text(max_size=30), start=st.integers(0, 30), size=st.integers(0, 30), which=st.sampled_from([0, 1]))
def test_tokens_inside_are_those_whose_characters_all_lie_in_the_span(text, start, size, which):
    encoding, span = ENCODERS[which].encode(text, add_special_tokens=False), (start, start + size)
    inside = range(*tokens_inside(encoding, span, len(text)).indices(len(encoding)))
    wanted = [i for i, (a, b) in enumerate(encoding.offsets) if start <= a and b <= start + size and a < start + size]
    assert list(inside) == wanted
