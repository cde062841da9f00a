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
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# What ByteLevel splits by when it has no pattern before it.
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# Unicode's classes as far as ASCII goes; the empty ones hold no ASCII character.
_CLASSES = {"L": "a-zA-Z", "Lu": "A-Z", "Ll": "a-z", "N": "0-9", "Nd": "0-9"}
_CLASSES |= dict.fromkeys(("Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "Nl", "No"), "")
# The alphabet of byte-level BPE: bytes that print stand for themselves.
_ALPHABET = {byte: chr(256 + byte) for byte in range(33)} | {127: chr(256 + 33)}
# Oniguruma and Python read a quantifier behind `{n,m}` differently, and set operations in a class.
_DIFFER = re.compile(r"(?<!\\p)\{[\d,]*\}[+?]|&&|--|\|\||~~")
_MAX_CHARS = 2_000_000  # of the words in the table, which then begins again: some 50 MB
_PROBE = "".join(map(chr, range(128))) + "  It's  1234567 words,\r\n\r\n\tI'LL say: x_1 == y; \n   ... <a>b</a>   "


WordTokens = tuple[tuple[int, ...], tuple[int, ...]]


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


class WordEncoder:
    """Texts to tokens, by a table of words, and special tokens, with their (ids, lengths). Made by `word_encoder`."""

    def __init__(self, encoder: Tokenizer, words: re.Pattern[str], added: dict[str, int]) -> None:
        from tokenizers import Tokenizer

        self._encoder, self._words = encoder, words
        self._merges = Tokenizer(encoder.model)  # the same model, but nothing that cuts or looks for added tokens
        self._lengths = _Lengths(encoder.model)
        self._added = {text: ((index,), (len(text),)) for text, index in added.items()}
        longest_first = sorted(added, key=len, reverse=True)
        self._split = re.compile("(" + ("|".join(map(re.escape, longest_first)) or "(?!)") + ")").split
        self._known: dict[str, WordTokens] = dict(self._added)
        self._num_chars = 0

    def takes(self, text: str) -> bool:
        """Whether the text can be read by words; other text has to go to the tokenizer."""
        return text.isascii()

    def __call__(self, texts: Sequence[str]) -> list[Words | Encoding]:
        """The tokens of each text, without special ones around it."""
        if self._num_chars > _MAX_CHARS:
            self._known, self._num_chars = dict(self._added), 0
        cut = [self._cut(text) for text in texts]
        self._learn(set(chain.from_iterable(cut)).difference(self._known))
        return [self._read(words, text) for words, text in zip(cut, texts, strict=True)]

    def _cut(self, text: str) -> list[str]:
        words: list[str] = []
        for number, part in enumerate(self._split(text)):  # every second part is an added token
            words += [part] if number % 2 else self._words.findall(part)
        return words

    def _learn(self, words: Collection[str]) -> None:
        """Merge new words, all in one call."""
        encodings = self._merges.encode_batch_fast([word.translate(_ALPHABET) for word in words])
        for word, encoding in zip(words, encodings, strict=True):
            ids = tuple(encoding.ids)
            self._known[word] = ids, tuple([self._lengths[index] for index in ids])
            self._num_chars += len(word)

    def _read(self, words: Sequence[str], text: str) -> Words | Encoding:
        found = [self._known[word] for word in words]
        ids, lengths = zip(*found, strict=True) if found else ((), ())
        read = Words(list(chain.from_iterable(ids)), chain.from_iterable(lengths))
        if read.num_chars < len(text):  # the pattern left something out
            return self._encoder.encode(text, add_special_tokens=False)
        return read

    def __reduce__(self) -> Any:
        return _rebuilt, (self._encoder,)


class _Lengths(dict[int, int]):
    """How many characters of ASCII text a token stands for."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model

    def __missing__(self, index: int) -> int:
        self[index] = length = len(self._model.id_to_token(index))
        return length


def word_encoder(encoder: Tokenizer) -> WordEncoder | None:
    """The encoder for ASCII text that gives the very tokens of `encoder`, or None for one it cannot stand for."""
    added = {token.content: (i, token) for i, token in encoder.get_added_tokens_decoder().items()}
    added = {text: entry for text, entry in added.items() if text.isascii()}
    is_known = _is_plain_bpe(encoder.model) and _keeps_ascii(_state(encoder.normalizer))
    if not (is_known and _are_plain([token for _, token in added.values()])):
        return None
    pattern = _ascii_pattern(_splitting(_state(encoder.pre_tokenizer)))
    if pattern is None or encoder.encode_special_tokens:
        return None
    words = WordEncoder(encoder, pattern, {text: index for text, (index, _) in added.items()})
    texts = [_PROBE, *(_PROBE[:9] + token + _PROBE[:9] for token in added)]
    ours, theirs = words(texts), encoder.encode_batch(texts, add_special_tokens=False)
    agree = all(isinstance(our, Words) and our.ids == their.ids for our, their in zip(ours, theirs, strict=True))
    return words if agree else None


def _state(part: Any) -> dict[str, Any] | None:
    """The settings of a normalizer or pre-tokenizer; they pickle as JSON. (The whole tokenizer's holds its words.)"""
    return None if part is None else json.loads(part.__getstate__())


def _rebuilt(encoder: Tokenizer) -> WordEncoder | None:
    return word_encoder(encoder)


def _is_plain_bpe(model: Any) -> bool:
    marks = ("dropout", "continuing_subword_prefix", "end_of_word_suffix")
    return type(model).__name__ == "BPE" and not any(getattr(model, mark) for mark in marks)


def _keeps_ascii(normalizer: dict[str, Any] | None) -> bool:
    return normalizer is None or normalizer["type"] in ("NFC", "NFD", "NFKC", "NFKD")


def _are_plain(added: Sequence[Any]) -> bool:
    """Whether added tokens are found by their text alone, in one pass."""
    flags = ("lstrip", "rstrip", "single_word")
    is_moved = any(getattr(token, flag) for token in added for flag in flags)
    return not is_moved and len({token.normalized for token in added}) <= 1


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
