"""Lookup: an exact, faster encoder for ASCII text under byte-level BPE, which encodes every word once.

Most of a tokenizer's time goes into cutting text into words and merging words it has merged before.
For the usual tokenizers (one splitting pattern, byte-level alphabet) the tokens of a text are those of
its words in a row, so a dictionary of words gives the same tokens 2 to 3 times as fast, on one core.
Other tokenizers and texts are left to the tokenizer itself.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# What ByteLevel splits by when it has no pattern before it.
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# Unicode's classes as far as ASCII goes; the empty ones hold no ASCII character.
_CLASSES = {"L": "a-zA-Z", "Lu": "A-Z", "Ll": "a-z", "N": "0-9", "Nd": "0-9"}
_CLASSES |= dict.fromkeys(("Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "Nl", "No"), "")
# The alphabet of byte-level BPE: bytes that print stand for themselves.
_ALPHABET = {byte: chr(256 + byte) for byte in range(33)} | {127: chr(256 + 33)}
# Oniguruma and Python read a quantifier behind `{n,m}` differently, and set operations in a class.
_DIFFER = re.compile(r"(?<!\\p)\{[\d,]*\}[+?]|&&|--|\|\||~~")
_MAX_WORDS, _MAX_WORD_CHARS = 200_000, 64
_PROBE = "".join(map(chr, range(128))) + "  It's  1234567 words,\r\n\r\n\tI'LL say: x_1 == y; \n   ... <a>b</a>   "


class Words:
    """The tokens of a text as `tokenizers.Encoding` gives them, as far as rendering asks for them."""

    __slots__ = ("_starts", "ids")

    def __init__(self, ids: list[int], lengths: Iterator[int]) -> None:
        self.ids, self._starts = ids, list(accumulate(lengths, initial=0))

    @property
    def num_chars(self) -> int:
        return self._starts[-1]

    def __len__(self) -> int:
        return len(self.ids)

    def char_to_token(self, char: int) -> int | None:
        return bisect_right(self._starts, char) - 1 if char < self._starts[-1] else None

    def token_to_chars(self, token: int) -> tuple[int, int]:
        return self._starts[token], self._starts[token + 1]


class WordEncoder(dict[str, tuple[tuple[int, ...], tuple[int, ...]]]):
    """Words, and special tokens, with their (ids, lengths). Made by `word_encoder`."""

    def __init__(self, encoder: Tokenizer, words: re.Pattern[str], added: dict[str, int]) -> None:
        super().__init__({text: ((index,), (len(text),)) for text, index in added.items()})
        self._encoder, self._words = encoder, words
        longest_first = sorted(added, key=len, reverse=True)
        self._added = re.compile("(" + ("|".join(map(re.escape, longest_first)) or "(?!)") + ")")

    def __call__(self, text: str) -> Words | None:
        """The tokens of the text, without special ones around it; None for text that has to go to the tokenizer."""
        if not text.isascii():
            return None
        words: list[str] = []
        for number, part in enumerate(self._added.split(text)):  # every second part is an added token
            words += [part] if number % 2 else self._words.findall(part)
        found = [self[word] for word in words]
        ids, lengths = zip(*found, strict=True) if found else ((), ())
        read = Words(list(chain.from_iterable(ids)), chain.from_iterable(lengths))
        return read if read.num_chars == len(text) else None  # the pattern left something out

    def __missing__(self, word: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        tokens = self._encoder.model.tokenize(word.translate(_ALPHABET))
        found = tuple(token.id for token in tokens), tuple(len(token.value) for token in tokens)
        if len(self) < _MAX_WORDS and len(word) <= _MAX_WORD_CHARS:
            self[word] = found
        return found

    def __reduce__(self) -> Any:
        return _rebuilt, (self._encoder,)


def word_encoder(encoder: Tokenizer) -> WordEncoder | None:
    """The encoder for ASCII text that gives the very tokens of `encoder`, or None for one it cannot stand for."""
    state = json.loads(encoder.to_str())
    added = [token for token in state["added_tokens"] if token["content"].isascii()]
    if not (_is_plain_bpe(state["model"]) and _keeps_ascii(state["normalizer"]) and _are_plain(added)):
        return None
    pattern = _ascii_pattern(_splitting(state["pre_tokenizer"]))
    if pattern is None or encoder.encode_special_tokens:
        return None
    words = WordEncoder(encoder, pattern, {token["content"]: token["id"] for token in added})
    texts = [_PROBE, *(_PROBE[:9] + token + _PROBE[:9] for token in words)]
    return words if all(_agree(words, encoder, text) for text in texts) else None


def _agree(words: WordEncoder, encoder: Tokenizer, text: str) -> bool:
    found = words(text)
    return found is not None and found.ids == encoder.encode(text, add_special_tokens=False).ids


def _rebuilt(encoder: Tokenizer) -> WordEncoder | None:
    return word_encoder(encoder)


def _is_plain_bpe(model: dict[str, Any]) -> bool:
    marks = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
    return model.get("type") == "BPE" and not any(model.get(mark) for mark in marks)


def _keeps_ascii(normalizer: dict[str, Any] | None) -> bool:
    return normalizer is None or normalizer["type"] in ("NFC", "NFD", "NFKC", "NFKD")


def _are_plain(added: list[dict[str, Any]]) -> bool:
    """Whether added tokens are found by their text alone, in one pass."""
    flags = ("lstrip", "rstrip", "single_word")
    return not any(token[flag] for token in added for flag in flags) and len({t["normalized"] for t in added}) <= 1


def _splitting(splitter: dict[str, Any] | None) -> str | None:
    """The pattern that words are cut by, where that is all the splitting there is."""
    if splitter is None:
        return None
    *before, last = splitter["pretokenizers"] if splitter["type"] == "Sequence" else [splitter]
    if last["type"] != "ByteLevel" or last["add_prefix_space"]:
        return None
    if not before:
        return _GPT2 if last["use_regex"] else None
    [split, *others] = before
    is_split = split["type"] == "Split" and split["behavior"] == "Isolated" and not split["invert"]
    if others or last["use_regex"] or not is_split:
        return None
    return split["pattern"].get("Regex")


def _ascii_pattern(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern for Python's `re` on ASCII text, or None where the two engines might differ."""
    if pattern is None or _DIFFER.search(pattern):
        return None
    translated, in_class = [], False
    for piece in re.findall(r"\\[pP]\{\w+\}|\\.|\(\?[^:!]*[:!]|.", pattern, re.DOTALL):
        if piece.startswith("\\p"):
            letters = _CLASSES.get(piece[3:-1])
            if letters is None:
                return None
            piece = letters if in_class else f"[{letters}]" if letters else "(?!)"
        elif (piece[0] == "\\" and piece[1:] not in ("s", "S", "r", "n", "t", ".", "-", "/")) or piece in (
            "^",
            "$",
            ".",
        ):
            if not (in_class and piece in ("^", "$", ".")):
                return None
        elif piece == "[":
            if in_class:
                return None
            in_class = True
        elif piece == "]":
            in_class = False
        elif piece == "(" or (piece.startswith("(?") and piece not in ("(?:", "(?!", "(?i:")):
            return None
        translated.append(piece)
    try:
        return re.compile("".join(translated), re.ASCII)
    except re.error:
        return None
