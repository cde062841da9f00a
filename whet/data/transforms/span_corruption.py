"""Span corruption: spans of a text replaced by sentinels, for a decoder to write (Raffel et al. 2020, 3.1.4)."""

# N tokens of a stored passage

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.base.errors import DataError, ModelError
from whet.contracts.sample import Sample
from whet.data.chat.template import tokenizer_name
from whet.data.render.chunks import Framer, PassageRecipe
from whet.data.render.seq2seq import paired
from whet.data.transforms.forms import generator

if TYPE_CHECKING:
    from whet.data.render.recipe import Truncation

_SENTINEL = re.compile(r"▁?<extra_id_(\d+)>")


@dataclass(frozen=True, slots=True)
class Denoiser:
    """Hides the share `rate` of a passage in spans of `span` tokens on average; without a length, its end as one span.

    `mode` is what stands before the source to tell the kinds of a mixture apart, or nothing.
    """

    rate: float
    span: float | None
    mode: tuple[int, ...] = ()

    def counts(self, length: int, most_spans: int) -> tuple[int, int]:
        """Hidden tokens and spans of a passage of that many tokens: at least one of each."""
        hidden = min(max(1, round(self.rate * length)), max(1, length - 1))
        spans = 1 if self.span is None else round(hidden / self.span)
        return hidden, max(1, min(spans, hidden, length - hidden, most_spans))


def ul2(modes: tuple[int, ...] = ()) -> tuple[Denoiser, ...]:
    """The seven denoisers of UL2 (Tay et al. 2022, table 1); `modes` are the tokens of the kinds R, S and X."""
    regular, sequential, extreme = ((mode,) for mode in modes) if modes else ((), (), ())
    return (
        Denoiser(0.15, 3.0, regular),
        Denoiser(0.15, 8.0, regular),
        Denoiser(0.25, None, sequential),
        Denoiser(0.5, 3.0, extreme),
        Denoiser(0.5, 8.0, extreme),
        Denoiser(0.15, 64.0, extreme),
        Denoiser(0.5, 64.0, extreme),
    )


@dataclass(frozen=True, slots=True)
class Spans:
    """The form of span corruption: each sample by one of the denoisers, drawn alike.

    A passage begins with tokens that stay; spans that stay and hidden ones follow each other, cut at random places.
    Each hidden span becomes a sentinel in the source; the target is each sentinel with what it hides.
    """

    reader: Framer
    writer: Framer
    sentinels: np.ndarray
    denoisers: tuple[Denoiser, ...]
    seed: int

    @classmethod
    def of(cls, tokenizer: Any, seed: int, *, denoisers: tuple[Denoiser, ...]) -> Spans:
        """Raises ModelError for a tokenizer without sentinels."""
        found = {
            match[1]: index for token, index in tokenizer.get_vocab().items() if (match := _SENTINEL.fullmatch(token))
        }
        if not found:
            raise ModelError(
                f"`objective: span-corruption` hides spans behind sentinels (<extra_id_0>, ...), and "
                f"{tokenizer_name(tokenizer)} has none",
                at="model.tokenizer",
                hint="one of T5's kind; `whet tokenizer train --sentinels 100` makes one",
            )
        sentinels = np.array([found[number] for number in sorted(found, key=int)], np.int32)
        return cls(Framer(tokenizer), Framer(tokenizer, is_target=True), sentinels, denoisers, seed)

    def recipe(
        self, takes: frozenset[str], max_length: int | None, truncation: Truncation, context: int | None
    ) -> PassageRecipe:
        return PassageRecipe(self.reader, self._room(max_length), truncation=truncation, framed=False)

    def length(self, stored: int) -> int:
        """The most that any of the denoisers makes of a passage."""
        return max(sum(self._sides(stored, denoiser)) for denoiser in self.denoisers)

    def draw(self, sample: Sample, passes: int) -> Sample:
        random = generator(self.seed, "spans", sample, passes)
        denoiser = self.denoisers[int(random.integers(len(self.denoisers)))]
        return self._corrupted(sample, denoiser, random)

    def example(self, ids: np.ndarray) -> Sample:
        """As many tokens as `ids` has, or as near as the denoiser comes that makes most of a passage."""
        room = max((n for n in range(1, len(ids) + 1) if self.length(n) <= len(ids)), default=1)
        widest = max(self.denoisers, key=lambda one: sum(self._sides(room, one)))
        sample = Sample(ids[:room], np.ones(room, np.float32))
        return self._corrupted(sample, widest, np.random.default_rng(0))

    def _corrupted(self, sample: Sample, denoiser: Denoiser, random: np.random.Generator) -> Sample:
        length = len(sample.ids)
        hidden, spans = denoiser.counts(length, len(self.sentinels))
        kept_sizes, hidden_sizes = _parts(length - hidden, spans, random), _parts(hidden, spans, random)
        edges = np.cumsum(np.stack([kept_sizes, hidden_sizes], 1).ravel())[:-1]
        pieces = np.split(sample.ids, edges)
        read: list[Any] = [self.reader.before, denoiser.mode]
        written: list[Any] = [self.writer.before]
        for sentinel, kept, lost in zip(self.sentinels[:spans], pieces[::2], pieces[1::2], strict=True):
            read += [kept, [sentinel]]
            written += [[sentinel], lost]
        source = np.concatenate([*read, self.reader.after]).astype(np.int32)
        target = np.concatenate([*written, self.writer.after]).astype(np.int32)
        return paired(source, target, np.ones(len(target), np.float32), sample)

    def _sides(self, length: int, denoiser: Denoiser) -> tuple[int, int]:
        """Tokens of source and target of a passage of that many tokens."""
        hidden, spans = denoiser.counts(length, len(self.sentinels))
        read = len(self.reader.before) + len(denoiser.mode) + length - hidden + spans + len(self.reader.after)
        return read, len(self.writer.before) + hidden + spans + len(self.writer.after)

    def _room(self, max_length: int | None) -> int:
        """The longest passage of which neither side has more than `max_length` tokens."""
        if max_length is None:
            raise DataError(
                "how long a passage may be is unknown: the model names no limit",
                at="data.max_length",
                hint="data.max_length=512",
            )
        fits = [
            n for n in range(2, 2 * max_length) if max(max(self._sides(n, d)) for d in self.denoisers) <= max_length
        ]
        if not fits:
            raise DataError(
                f"with data.max_length={max_length} a source has no room for two tokens of text",
                at="data.max_length",
                hint="data.max_length=512",
            )
        return fits[-1]


def _parts(total: int, count: int, random: np.random.Generator) -> np.ndarray:
    """`count` sizes (count,) that add up to `total`, each at least 1 where there are enough, all ways alike."""
    if total < count:
        return np.array([total, *[0] * (count - 1)])
    cuts = np.sort(random.choice(total - 1, count - 1, replace=False) + 1) if count > 1 else np.empty(0, np.int64)
    return np.diff(np.concatenate([[0], cuts, [total]]))
