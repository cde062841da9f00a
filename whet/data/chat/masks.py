"""Masks: from trained characters to trained tokens, and the checks that a row's weights must pass."""

# T tokens of one row

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from whet.data.refusal import RowRefused

if TYPE_CHECKING:
    import numpy as np

Span = tuple[int, int]


class Tokens(Protocol):
    """The tokens of a text, as `tokenizers.Encoding` has them and `lookup.Words` too."""

    @property
    def ids(self) -> list[int]: ...

    def __len__(self) -> int: ...

    def char_to_token(self, char: int) -> int | None: ...

    def token_to_chars(self, token: int) -> tuple[int, int] | None: ...


def tokens_inside(encoding: Tokens, span: Span, length: int) -> slice:
    """The tokens that lie with all their characters inside the span of a text of `length` characters.

    The pieces of one character all have its offsets. A token without characters, such as the word
    mark that some tokenizers put first, belongs to the character that follows it.
    """
    start, end = span
    if start >= end:
        return slice(0, 0)
    first, last = _token_at(encoding, start, length), _token_at(encoding, end, length)
    while first < last and (chars := encoding.token_to_chars(first)) and chars[0] < start:
        first += 1
    return slice(first, last)


def check_ends(encoding: Tokens, weights: np.ndarray, ends: Sequence[int], named: str) -> None:
    """Raise RowRefused unless a trained token ends at each of the characters `ends`, where turns are over."""
    for end in ends:
        token = encoding.char_to_token(end - 1)
        chars = encoding.token_to_chars(token) if token is not None else None
        if chars is None or chars[1] != end or not weights[token]:
            raise RowRefused(
                "untrained_end",
                f"the end of turn that the {named} writes is not a token of its own, so it would not be trained",
                "add the mark to the tokenizer as a special token, or data.allow=[untrained_end]",
            )


def check_begin(ids: np.ndarray, begin: int | None) -> None:
    """Raise RowRefused for two begin tokens in a row at the start."""
    if begin is not None and len(ids) > 1 and ids[0] == begin and ids[1] == begin:
        raise RowRefused(
            "doubled_bos",
            "the row starts with two begin tokens",
            "take the token out of the data or the template, or data.allow=[doubled_bos]",
        )


def check_trained(weights: np.ndarray) -> None:
    """Raise RowRefused when no token is predicted: the first one never is, since nothing comes before it."""
    if not weights[1:].any():
        raise RowRefused("nothing_to_train", "no token of the row is trained", "data.allow=[nothing_to_train] keeps it")


def _token_at(encoding: Tokens, char: int, length: int) -> int:
    """The first token that belongs to the character, or to the next one that has a token.

    Asks for single characters: fetching the offsets of all tokens costs more than everything else here.
    """
    while char < length:
        token = encoding.char_to_token(char)
        if token is not None:
            while token and encoding.token_to_chars(token - 1) == (char, char):
                token -= 1
            return token
        char += 1
    return len(encoding)
