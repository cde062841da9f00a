"""Sample: one training example, as it lies in the token store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from whet.base.errors import DataError
from whet.contracts.sight import SampleKind

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sample came from: the source as the config names it, and the row (from 0) in it."""

    source: str
    row: int
    part: int = 0


@dataclass(frozen=True, slots=True)
class Media:
    """Something beside the tokens, such as an image (`kind`), that stands where the sample's tokens `span` are.

    `values` (R, ...) are what a model reads of it; `grid` says how they lie (frames, rows, columns), and `source`
    where it came from.
    """

    kind: str
    source: str
    span: tuple[int, int]
    grid: tuple[int, int, int]
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class Sample:
    """One training example.

    `ids` (T,) int32 are the tokens, empty for a model without tokens. `weights` (T,) float32
    say how much *predicting* `ids[t]` from the tokens before it counts: 0 is context, and
    `weights[0]` is never used because nothing comes before it. `fields` are further arrays or
    numbers that an objective names (features, label, advantage).

    A *group* is one sample with several *branches* behind a shared beginning: `cuts` are the tokens where
    they begin, the first also where the beginning ends. Branches see it and not each other. A preference
    pair is a group of two, chosen first. Whatever holds samples together (a step, a row, a rank) so holds
    groups together. Each of `fields` has an entry a branch then.

    `streams` are token rows beside this one, which become further streams of the batch.

    `values` hold further numbers of each token (T, ...), such as the log-probability it was sampled with; they go
    where its weight goes. That is the place *before* it, from which it is predicted, unless the sample `is_in_place`:
    then weights and values speak of the token at its own place (labels of tokens, masked words). `targets` (T,) are
    what is to be predicted where that is not the tokens themselves. `kind` says whether tokens see what comes after
    them.

    With a stream `target` beside it, the sample's own tokens are the stream `source`: what an encoder reads, and what
    its decoder writes.

    `positions` (R, T) are those of models that count in several directions; None: from 0 on in each segment. `media`
    stand among the tokens.

    How each field is stored: `whet.data.store.codec`.
    """

    ids: np.ndarray
    weights: np.ndarray
    fields: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin | None = None
    cuts: tuple[int, ...] = ()
    streams: Mapping[str, Sample] = field(default_factory=dict)
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    is_in_place: bool = False
    kind: SampleKind = "causal"
    targets: np.ndarray | None = None
    positions: np.ndarray | None = None
    media: tuple[Media, ...] = ()

    @property
    def num_tokens(self) -> int:
        """All tokens that are computed; a `target` counts, since an encoder-decoder is as much its decoder."""
        target = self.streams.get("target")
        return len(self.ids) + (len(target.ids) if target else 0)

    def part(self, at: slice | np.ndarray) -> Sample:
        """The tokens `at` these places, with all that belongs to them, and without branches.

        Raises DataError where only some of a medium's tokens are among them.
        """
        return replace(
            self,
            ids=self.ids[at],
            weights=self.weights[at],
            values={name: column[at] for name, column in self.values.items()},
            targets=None if self.targets is None else self.targets[at],
            positions=None if self.positions is None else self.positions[:, at],
            media=self._media(at) if self.media else (),
            cuts=(),
        )

    def _media(self, at: slice | np.ndarray) -> tuple[Media, ...]:
        """What stands at these places, where it stands among them."""
        places = list(range(len(self.ids))[at]) if isinstance(at, slice) else at.tolist()
        found = []
        for medium in self.media:
            own = [new for new, old in enumerate(places) if medium.span[0] <= old < medium.span[1]]
            if own and len(own) != medium.span[1] - medium.span[0]:
                raise DataError(
                    f"a cut goes through the {medium.kind} {medium.source}",
                    at=f"{self.origin.source} row {self.origin.row}" if self.origin else None,
                    hint="data.truncation=skip, or a larger data.max_length",
                )
            if own:
                found.append(replace(medium, span=(own[0], own[-1] + 1)))
        return tuple(found)

    @property
    def branches(self) -> list[slice]:
        """The tokens of each branch; all of them where there are none."""
        if not self.cuts:
            return [slice(0, len(self.ids))]
        return [slice(*span) for span in zip(self.cuts, (*self.cuts[1:], len(self.ids)), strict=True)]

    @property
    def longest(self) -> int:
        """The most tokens that see each other: the shared beginning and the longest branch."""
        shared = self.cuts[0] if self.cuts else 0
        return shared + max(branch.stop - branch.start for branch in self.branches)
