"""Sides: what an encoder reads and what its decoder writes, as tokens, from prompts and from conversations."""

# S source tokens  T target tokens

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.contracts.rows import Completion, Conversation, Row
from whet.data.chat.masks import tokens_inside
from whet.data.refusal import Refused, RowRefused, refusal
from whet.data.render.chunks import Framer
from whet.data.render.renderer import Rendered, compiled

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TAKES = frozenset({"completion", "conversation"})


@dataclass(frozen=True, slots=True)
class Sides:
    """Both sides of a row: `source` (S,) and `target` (T,) int32, and the `weights` (T,) of writing each token.

    The first `opening` tokens of the target are the tokenizer's own, and the last `closing` ones end it.
    """

    source: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    opening: int
    closing: int


class SideRenderer:
    """Rows to sides: each text between the special tokens that the tokenizer puts around a source, or a target.

    A conversation is one question and its answer: its messages before the reply, with a blank line between them, are
    the source. In them and in replies the text of a special token is text; a `completion` row may hold special tokens.
    `scale` multiplies the weights of tokens inside a match of a regular expression. Pickles.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, scale: Mapping[str, float] | None = None) -> None:
        self._readers = {literal: Framer(tokenizer, literal=literal) for literal in (False, True)}
        self._writers = {literal: Framer(tokenizer, literal=literal, is_target=True) for literal in (False, True)}
        self._scale = [(compiled(text), factor) for text, factor in (scale or {}).items()]
        framers = (*self._readers.values(), *self._writers.values())
        parts = ("sides", *(framer.fingerprint for framer in framers), scale)
        self.fingerprint = hashlib.sha256(repr(parts).encode()).hexdigest()[:32]

    def sides(self, rows: Sequence[Row]) -> list[Sides | Refused]:
        """Both sides of each row, or why it is refused, in order."""
        drafts = [_draft(row) for row in rows]
        found: dict[int, Sides] = {}
        for literal in (False, True):
            own = [(i, d) for i, d in enumerate(drafts) if isinstance(d, _Draft) and d.literal == literal]
            reader, writer = self._readers[literal], self._writers[literal]
            encodings = zip(own, reader([d.source for _, d in own]), writer([d.target for _, d in own]), strict=True)
            for (i, draft), read, written in encodings:
                source = np.array([*reader.before, *read.ids, *reader.after], np.int32)
                target = np.array([*writer.before, *written.ids, *writer.after], np.int32)
                weights = self._weights(draft, written, len(writer.before), len(writer.after))
                found[i] = Sides(source, target, weights, len(writer.before), len(writer.after))
        return [draft if isinstance(draft, Refused) else _whole(found[i]) for i, draft in enumerate(drafts)]

    @property
    def num_after(self) -> int:
        """Special tokens behind a source."""
        return len(self._readers[True].after)

    def render(self, rows: Sequence[Row], *, roles: bool = False) -> list[Rendered | Refused]:
        """The same as one row each, source first, for showing."""
        return [found if isinstance(found, Refused) else _rendered(found) for found in self.sides(rows)]

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        """Each token as text on its own."""
        return self._readers[False].token_texts(ids)

    def source(self, text: str) -> list[int]:
        """What the encoder reads of a text that is to be answered."""
        reader = self._readers[True]
        return [*reader.before, *reader([text])[0].ids, *reader.after]

    def _weights(self, draft: _Draft, written: Any, opening: int, closing: int) -> np.ndarray:
        weights = np.full(opening + len(written) + closing, draft.weight, np.float32)
        inner = weights[opening : len(weights) - closing]
        for pattern, factor in self._scale:
            for match in pattern.finditer(draft.target):
                inner[tokens_inside(written, match.span(), len(draft.target))] *= factor
        return weights


def question(messages: Sequence[Mapping[str, Any]]) -> str:
    """What an encoder reads of messages before a reply. Raises RowRefused for more than one question."""
    roles = [message["role"] for message in messages]
    if roles not in (["user"], ["system", "user"]):
        raise RowRefused(
            "turns",
            "an encoder-decoder reads one question, and this conversation is not that: " + ", ".join(roles),
            "rows of one user message (a system message may stand before it) and its answer",
        )
    contents = [message.get("content") for message in messages]
    if not all(isinstance(content, str) for content in contents):
        raise RowRefused("bad_row", "the content of a message is not text")
    return "\n\n".join(filter(None, contents))


@dataclass(frozen=True, slots=True)
class _Draft:
    """Both texts, how much the target's tokens count, and whether special tokens in them are plain text."""

    source: str
    target: str
    weight: float
    literal: bool


def _draft(row: Row) -> _Draft | Refused:
    if isinstance(row, Completion):
        return _Draft(row.prompt, row.completion, 1.0, False)
    try:
        if isinstance(row, Conversation):
            return _answered(row)
    except RowRefused as error:
        return error.refused
    meant = refusal(row.kind, TAKES)
    return Refused("kind", meant.message, meant.hint)


def _answered(row: Conversation) -> _Draft:
    if row.tools:
        raise RowRefused("turns", "an encoder-decoder has no form for tools", "rows without tools")
    *before, reply = row.messages
    if reply["role"] != "assistant" or not isinstance(reply.get("content"), str):
        raise RowRefused("turns", "the last message is no answer in words", "rows that end with an assistant's message")
    return _Draft(question(before), reply["content"], float(reply.get("weight", 1)), True)


def _whole(sides: Sides) -> Sides | Refused:
    if not len(sides.source):
        return Refused("empty_source", "there is nothing for the encoder to read")
    if not sides.weights.any():
        return Refused("nothing_to_train", "no token of the target has a weight")
    return sides


def _rendered(sides: Sides) -> Rendered:
    inner = len(sides.target) - sides.opening - sides.closing
    roles = ["source"] * len(sides.source) + ["begin"] * sides.opening + ["target"] * inner + ["end"] * sides.closing
    weights = np.concatenate([np.zeros(len(sides.source), np.float32), sides.weights])
    return Rendered(np.concatenate([sides.source, sides.target]), weights, tuple(roles))
