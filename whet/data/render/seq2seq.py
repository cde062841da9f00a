"""Pairing: samples of encoder-decoders, a source and a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from whet.contracts.rows import Row
from whet.contracts.sample import Origin, Sample
from whet.data.refusal import Refused, refusal
from whet.data.render.recipe import Truncation, too_long
from whet.data.render.seq2seq_texts import TAKES, SideRenderer, Sides
from whet.data.store.ledger import Entry


@dataclass(frozen=True, slots=True)
class PairRecipe:
    """Rows to samples of a source and a target, each of at most `max_length` tokens.

    `truncation`: `cut` keeps the first tokens of a side that is too long (a target that was cut does not end),
    `skip` drops the row, anything else raises. `context` is what the model sees, if `max_length` may be less.
    """

    renderer: SideRenderer
    takes: frozenset[str]
    max_length: int | None
    truncation: Truncation
    context: int | None

    @property
    def key(self) -> str:
        """What of the recipe decides the samples."""
        return repr(("pairs", self.renderer.fingerprint, sorted(self.takes), self.max_length, self.truncation))

    def __call__(self, source: str, rows: Sequence[tuple[int, Row | Refused]]) -> tuple[list[Sample], list[Entry]]:
        """Samples of numbered rows, in their order, and the rows that did not come through whole."""
        for number, row in rows:
            if not isinstance(row, Refused) and row.kind not in self.takes:
                raise refusal(row.kind, self.takes, at=f"{source} row {number}")
        rendered = iter(self.renderer.sides([row for _, row in rows if not isinstance(row, Refused)]))
        samples: list[Sample] = []
        entries: list[Entry] = []
        for number, row in rows:
            sides = row if isinstance(row, Refused) else next(rendered)
            origin = Origin(source, number)
            fitting = sides if isinstance(sides, Refused) else self._fit(sides, origin)
            if isinstance(fitting, Refused):
                entries.append(Entry(source, number, "skipped", fitting.reason, fitting.detail))
                continue
            if fitting is not sides:
                entries.append(
                    Entry(source, number, "truncated", "too_long", f"cut to {self.max_length} tokens a side")
                )
            samples.append(_paired(fitting, origin))
        return samples, entries

    def _fit(self, sides: Sides, origin: Origin) -> Sides | Refused:
        limit, longest = self.max_length, max(len(sides.source), len(sides.target))
        if limit is None or longest <= limit:
            return sides
        if self.truncation == "skip":
            return Refused("too_long", f"{longest} tokens on a side, and {limit} are allowed")
        if self.truncation != "cut":
            raise too_long(longest, limit, origin, self.context)
        return self._cut(sides, limit)

    def _cut(self, sides: Sides, limit: int) -> Sides | Refused:
        source, target, weights = sides.source, sides.target, sides.weights
        if len(source) > limit:
            after = self.renderer.num_after
            source = np.concatenate([source[: limit - after], source[len(source) - after :]])
        if len(target) > limit:
            target, weights = target[:limit], weights[:limit]
        if not weights.any():
            return Refused("nothing_left", f"all that is trained lies beyond the first {limit} tokens")
        return replace(sides, source=source, target=target, weights=weights)


@dataclass(frozen=True, slots=True)
class Pairing:
    """The form of supervised fine-tuning of encoder-decoders."""

    renderer: SideRenderer

    def recipe(
        self, takes: frozenset[str], max_length: int | None, truncation: Truncation, context: int | None
    ) -> PairRecipe:
        return PairRecipe(self.renderer, takes & TAKES, max_length, truncation, context)

    def length(self, stored: int) -> int:
        return stored

    def draw(self, sample: Sample, passes: int) -> Sample:
        """The same sample, which is learned from as it is stored."""
        return sample

    def example(self, ids: np.ndarray) -> Sample:
        half = max(1, len(ids) // 2)
        return paired(ids[:half], ids[half:], np.ones(len(ids) - half, np.float32), Sample(ids, np.zeros(len(ids))))


def _paired(sides: Sides, origin: Origin) -> Sample:
    return paired(sides.source, sides.target, sides.weights, Sample(sides.source, sides.weights, origin=origin))


def paired(source: np.ndarray, target: np.ndarray, weights: np.ndarray, like: Sample) -> Sample:
    """A sample that an encoder reads, with the stream `target` that its decoder writes; fields and origin as `like`."""
    return replace(
        like,
        ids=source,
        weights=np.zeros(len(source), np.float32),
        streams={"target": Sample(target, weights, is_in_place=True)},
        values={},
        is_in_place=True,
        kind="bidirectional",
    )
