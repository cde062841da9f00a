"""Passages: raw text in pieces of a fixed length, each between the special tokens that a tokenizer puts around one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.base.errors import DataError
from whet.contracts.rows import Row, Text
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import Refused, refusal
from whet.data.render.recipe import Truncation, too_long
from whet.data.render.renderer import Rendered, encoder_of
from whet.data.store.ledger import Entry

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

WORD = "word"


class Framer:
    """Texts to tokens, without special tokens of its own, and the `before` and `after` of every passage. Pickles.

    `literal` reads the text of a special token as text. `is_target` frames what a decoder writes, where the tokenizer
    tells that apart (the languages of a translation).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, literal: bool = False, is_target: bool = False) -> None:
        self._encoder, state = encoder_of(tokenizer)
        self._encoder.encode_special_tokens = literal
        self.before, self.after = frame(tokenizer, is_target=is_target)
        self.special = frozenset(tokenizer.all_special_ids)
        parts = (state, self.before, self.after, sorted(self.special), literal)
        self.fingerprint = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def __call__(self, texts: Sequence[str]) -> list[Any]:
        return self._encoder.encode_batch(list(texts), add_special_tokens=False)

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        """Each token as text on its own."""
        return [self._encoder.decode([int(i)], skip_special_tokens=False) for i in ids]


def frame(tokenizer: PreTrainedTokenizerBase, *, is_target: bool = False) -> tuple[list[int], list[int]]:
    """The special tokens that the tokenizer puts before and after a text, such as [CLS] and [SEP]."""
    given: dict[str, Any] = {"text_target" if is_target else "text": "a"}
    alone = list(tokenizer(**given, add_special_tokens=False)["input_ids"])
    framed = list(tokenizer(**given)["input_ids"])
    for start in range(len(framed) - len(alone) + 1):
        if framed[start : start + len(alone)] == alone:
            return framed[:start], framed[start + len(alone) :]
    return [], []


class PassageRenderer:
    """Whole texts between a tokenizer's special tokens, for showing what an encoder is trained on."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._framer = Framer(tokenizer)

    def render(self, rows: Sequence[Row], *, roles: bool = False) -> list[Rendered | Refused]:
        """Tokens of each row of text, those of the text with weight; other rows are refused."""
        encodings = iter(self._framer([row.text for row in rows if isinstance(row, Text)]))
        return [self._rendered(next(encodings)) if isinstance(row, Text) else _no_text(row) for row in rows]

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        """Each token as text on its own."""
        return self._framer.token_texts(ids)

    def _rendered(self, encoding: Any) -> Rendered:
        sizes = (len(self._framer.before), len(encoding.ids), len(self._framer.after))
        ids = np.array([*self._framer.before, *encoding.ids, *self._framer.after], np.int32)
        roles = np.repeat(["begin", "text", "end"], sizes)
        return Rendered(ids, (roles == "text").astype(np.float32), tuple(roles.tolist()))


def _no_text(row: Row) -> Refused:
    meant = refusal(row.kind, {"text"})
    return Refused("kind", meant.message, meant.hint)


@dataclass(frozen=True, slots=True)
class PassageRecipe:
    """Consecutive passages of at most `room` tokens of each text, framed, every token of it in exactly one.

    Tokens of the text count, special ones do not. Samples are bidirectional and in place. `words` also keeps which word
    of the text each token belongs to (-1 for special tokens). `truncation`: `auto` and `split` make passages, `cut`
    keeps the first, `skip` drops long texts, `error` raises.
    """

    framer: Framer
    room: int
    words: bool = False
    truncation: Truncation = "auto"
    framed: bool = True
    takes: frozenset[str] = frozenset({"text"})

    @property
    def key(self) -> str:
        """What of the recipe decides the samples."""
        return repr(("passages", self.framer.fingerprint, self.room, self.words, self.truncation, self.framed))

    def __call__(self, source: str, rows: Sequence[tuple[int, Row | Refused]]) -> tuple[list[Sample], list[Entry]]:
        """Samples of numbered rows, in their order, and the rows that did not come through whole."""
        for number, row in rows:
            if not isinstance(row, Refused | Text):
                raise refusal(row.kind, {"text"}, at=f"{source} row {number}")
        encodings = iter(self.framer([row.text for _, row in rows if isinstance(row, Text)]))
        samples: list[Sample] = []
        entries: list[Entry] = []
        for number, row in rows:
            made = row if isinstance(row, Refused) else self._made(next(encodings), Origin(source, number))
            if isinstance(made, Refused):
                entries.append(Entry(source, number, "skipped", made.reason, made.detail))
                continue
            if self.truncation == "cut" and len(made) > 1:
                made = made[:1]
                entries.append(Entry(source, number, "truncated", "too_long", f"cut to {self.room} tokens of text"))
            samples += made
        return samples, entries

    def _made(self, encoding: Any, origin: Origin) -> list[Sample] | Refused:
        if not len(encoding):
            return Refused("nothing_to_train", "the text has no tokens")
        if len(encoding) > self.room and self.truncation == "skip":
            return Refused("too_long", f"{len(encoding)} tokens, and {self.room} are allowed")
        if len(encoding) > self.room and self.truncation == "error":
            raise too_long(len(encoding), self.room, origin)
        return list(self._passages(encoding, origin))

    def _passages(self, encoding: Any, origin: Origin) -> Iterator[Sample]:
        ids = np.array(encoding.ids, np.int32)
        words = np.array([-1 if w is None else w for w in encoding.word_ids], np.int64) if self.words else None
        before, after = (self.framer.before, self.framer.after) if self.framed else ([], [])
        for part, start in enumerate(range(0, len(ids), self.room)):
            piece = slice(start, start + self.room)
            inner = ids[piece]
            weights = (~np.isin(inner, list(self.framer.special))).astype(np.float32)
            ends = (len(before), len(after))
            yield Sample(
                np.concatenate([before, inner, after]).astype(np.int32),
                np.pad(weights, ends),
                origin=Origin(origin.source, origin.row, part),
                values={} if words is None else {WORD: np.pad(words[piece], ends, constant_values=-1)},
                is_in_place=True,
                kind="bidirectional",
            )


def room_for(framer: Framer, max_length: int | None, smallest: int = 1) -> int:
    """Tokens of text that a sample of `max_length` has room for. Raises DataError where that is none."""
    if max_length is None:
        raise DataError(
            "how long a passage may be is unknown: the model names no limit",
            at="data.max_length",
            hint="data.max_length=512",
        )
    room = max_length - len(framer.before) - len(framer.after)
    if room < smallest:
        raise DataError(
            f"with data.max_length={max_length} no passage has room for {smallest} token{'s' * (smallest > 1)} of text",
            at="data.max_length",
            hint="data.max_length=512",
        )
    return room
