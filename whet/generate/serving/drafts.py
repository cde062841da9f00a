"""Tokens that an answer may go on with, guessed by a smaller model that reads along.

Its guess at a place is what it would say there itself, drawn by the very number that the answer's own token is drawn
by: the more alike the two models are, the more often both are the same. Each guess is compared with the token that is
drawn anyway, so answers are those without a draft, greedy or drawn (speculative decoding: Leviathan et al. 2023, whose
rejection sampling is not needed where a draw is a function of the distribution and a number).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from whet.base.errors import ModelError
from whet.contracts.model import Loaded
from whet.generate.serving.choosing import guess
from whet.generate.serving.entry import Entry
from whet.models.decoding.sequences import Beginning, Part, Sequences, alike
from whet.models.text import text_config


class Drafts:
    """A model that reads what another one reads, and goes ahead of its answers. Used by the batcher's thread."""

    def __init__(self, cache: Sequences, vocab: int, own_vocab: int) -> None:
        """`vocab` is how many tokens the model has logits for that it guesses for, `own_vocab` how many the draft has:
        rows of embeddings that no text needs, which are there for a round number, need not be as many."""
        self._cache, self._vocab, self._last = cache, vocab, own_vocab - 1
        self._texts: dict[int, list[int]] = {}  # what was read of each answer, guesses included

    def follow(self, pairs: Sequence[tuple[Entry, Part]]) -> None:
        """Read what these read of their prompts."""
        parts = [self._behind(entry, part.end, 0) for entry, part in pairs if part.end < len(entry.ids)]
        self._run([part for part in parts if part.ids])

    def guesses(self, all_of_them: Sequence[Entry], most: int) -> dict[int, list[int]]:
        """What may come after the last token of each, by its serial number."""
        found: dict[int, list[int]] = {}
        asked = [(entry, entry.num_guesses(most)) for entry in all_of_them]
        asked = [(entry, count) for entry, count in asked if count]
        parts = [self._behind(entry, len(entry.ids), 1) for entry, _ in asked]
        while asked:
            logits_BV = torch.stack([logits_1V[-1] for logits_1V in self._run(parts)])[:, : self._vocab]
            tokens = guess(logits_BV, [(entry.draws, len(found.get(entry.serial, ()))) for entry, _ in asked])
            for (entry, _), token in zip(asked, tokens, strict=True):
                found.setdefault(entry.serial, []).append(token)
            asked = [(entry, count) for entry, count in asked if len(found[entry.serial]) < count]
            parts = [Part(g.serial, len(self._texts[g.serial]), found[g.serial][-1:]) for g, _ in asked]
        return found

    def leave(self, serial: int) -> None:
        """Forget one that has ended."""
        text = self._texts.pop(serial, None)
        if text is not None:
            self._cache.leave(serial, len(text))

    def clear(self) -> None:
        """Forget all."""
        self._texts.clear()
        self._cache.clear()

    def _behind(self, entry: Entry, end: int, told: int) -> Part:
        """What it has not read yet of an answer's first tokens. Guesses that were wrong are read over."""
        if entry.serial not in self._texts:
            known = self._cache.begin(entry.serial, Beginning(self._own(entry.ids)))
            self._texts[entry.serial] = entry.ids[:known]
        start = alike(self._texts[entry.serial], entry.ids, end - told)
        return Part(entry.serial, start, entry.ids[start:end], told)

    def _run(self, parts: Sequence[Part]) -> list[Tensor]:
        if not parts:
            return []
        found = self._cache.run([part._replace(ids=self._own(part.ids)) for part in parts])
        for part in parts:
            self._texts[part.key][part.start :] = part.ids
        return found

    def _own(self, ids: Sequence[int]) -> list[int]:
        return [min(token, self._last) for token in ids]


def check_draft(draft: Loaded, loaded: Loaded) -> None:
    """Raise ModelError for a draft that makes no text, or whose tokens are not those of the model."""
    if draft.processor is None or not draft.capabilities.generates or draft.capabilities.family != "causal":
        raise ModelError("the draft does not continue texts", at="--draft", hint="a small causal language model")
    assert loaded.processor is not None
    own, its = loaded.processor.get_vocab(), draft.processor.get_vocab()
    if own != its:
        token = next((one for one in own if its.get(one) != own[one]), next(iter(its.keys() - own.keys()), ""))
        raise ModelError(
            f"the draft's tokens are not the model's: {token!r} is {its.get(token)} there and {own.get(token)} here",
            at="--draft", hint="a smaller model of the same family, which has the same tokenizer",
        )  # fmt: skip


def vocab_of(module: nn.Module) -> int:
    """How many tokens a model has logits for."""
    config: Any = module.config
    return int(text_config(config).vocab_size)
