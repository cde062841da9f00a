"""Masking: tokens of a passage hidden or replaced, for an encoder to fill in (Devlin et al. 2019, section 3.1)."""

# T tokens of one sample

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from whet.base.errors import ModelError
from whet.contracts.sample import Sample
from whet.data.chat.template import tokenizer_name
from whet.data.render.chunks import WORD, Framer, PassageRecipe, room_for
from whet.data.transforms.forms import generator

if TYPE_CHECKING:
    from whet.data.render.recipe import Truncation


@dataclass(frozen=True, slots=True)
class Masking:
    """The form of masked language modelling.

    Of the tokens of a passage the share `rate` is chosen, at least one: single tokens, or with `whole_words` all tokens
    of words, in random order, as long as they fit. Each chosen token becomes the mask token (`mask_share`), another
    token (`random_share`), or stays, and is to be predicted.
    """

    framer: Framer
    mask: int
    ordinary: np.ndarray
    rate: float
    whole_words: bool
    mask_share: float
    random_share: float
    seed: int

    @classmethod
    def of(cls, tokenizer: Any, seed: int, **settings: Any) -> Masking:
        """Raises ModelError for a tokenizer without a mask token."""
        if tokenizer.mask_token_id is None:
            raise ModelError(
                f"`objective: mlm` hides tokens behind a mask token, and {tokenizer_name(tokenizer)} has none",
                at="model.tokenizer",
                hint="one with a mask token; `whet tokenizer train --mask` makes one",
            )
        framer = Framer(tokenizer)
        ordinary = np.setdiff1d(np.array(sorted(tokenizer.get_vocab().values()), np.int32), sorted(framer.special))
        return cls(framer, tokenizer.mask_token_id, ordinary, seed=seed, **settings)

    def recipe(
        self, takes: frozenset[str], max_length: int | None, truncation: Truncation, context: int | None
    ) -> PassageRecipe:
        return PassageRecipe(self.framer, room_for(self.framer, max_length), self.whole_words, truncation)

    def length(self, stored: int) -> int:
        return stored

    def draw(self, sample: Sample, passes: int) -> Sample:
        """The passage with tokens hidden; its targets are the tokens that were there, its weights 1 at chosen ones."""
        random = generator(self.seed, "mask", sample, passes)
        chosen = self._chosen(sample, random)
        ids = sample.ids.copy()
        fate = random.random(len(chosen))
        ids[chosen[fate < self.mask_share]] = self.mask
        other = chosen[(fate >= self.mask_share) & (fate < self.mask_share + self.random_share)]
        ids[other] = random.choice(self.ordinary, len(other))
        weights = np.zeros(len(ids), np.float32)
        weights[chosen] = sample.weights[chosen]
        return replace(sample, ids=ids, weights=weights, targets=sample.ids, values={})

    def example(self, ids: np.ndarray) -> Sample:
        ones = np.ones(len(ids), np.float32)
        values = {WORD: np.arange(len(ids))} if self.whole_words else {}
        return self.draw(Sample(ids, ones, values=values, is_in_place=True, kind="bidirectional"), 0)

    def _chosen(self, sample: Sample, random: np.random.Generator) -> np.ndarray:
        """Places that are to be predicted, in order."""
        places = np.flatnonzero(sample.weights)
        wanted = min(max(1, round(self.rate * len(places))), len(places))
        if not self.whole_words:
            return np.sort(random.choice(places, wanted, replace=False))
        words = sample.values[WORD][places]
        starts = np.flatnonzero(np.diff(words, prepend=-2))
        spans = np.split(places, starts[1:]) if len(places) else []
        taken: list[np.ndarray] = []
        for index in random.permutation(len(spans)):
            if len(spans[index]) <= wanted:
                taken.append(spans[index])
                wanted -= len(spans[index])
        if not taken and spans:  # every word is longer than what may be chosen
            taken = [spans[int(random.integers(len(spans)))]]
        return np.sort(np.concatenate([places[:0], *taken]))
