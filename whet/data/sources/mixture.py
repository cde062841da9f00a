"""Mixture: the rows of several sources, read lazily and interleaved, from any position on."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from whet.base.seeds import derive
from whet.contracts.rows import Row
from whet.data.refusal import Refused
from whet.data.rows.detect import Detector
from whet.data.sources.files import Source, count_rows, read_rows, source_files

# Sizes of files are in bytes; of a hub's data set the rows are known.
_HUB_ROW_BYTES = 1000


class Position(NamedTuple):
    """How far an epoch has read a source: whole passes over it, the next row, and how many rows were drawn in all."""

    passes: int = 0
    row: int = 0
    drawn: int = 0


class Drawn(NamedTuple):
    """A row of source number `source`, and the position after it."""

    epoch: int
    source: int
    number: int
    row: Row | Refused
    after: Position


class Mixture:
    """Rows of all sources, epoch after epoch; in each, a source of weight w gives every row w times on average.

    Sources take turns in proportion to their size, so that they end at about the same time; or, not
    `interleaved`, come one after the other.
    """

    def __init__(
        self, sources: Sequence[Source], seed: int, *, interleaved: bool = True, takes: Collection[str] = ()
    ) -> None:
        self.sources, self._seed = sources, seed
        self._detectors = [Detector(source.format, takes) for source in sources]
        self._paces = [source.weight * _size(source) if interleaved else math.inf for source in sources]

    @property
    def start(self) -> tuple[Position, ...]:
        """The positions at which an epoch begins."""
        return (Position(),) * len(self.sources)

    def rows(self, epoch: int, positions: Sequence[Position]) -> Iterator[Drawn]:
        """Rows from the positions on, without end. To get there, what lies before is read, but not parsed."""
        while True:
            yield from self._epoch(epoch, positions)
            epoch, positions = epoch + 1, self.start

    def _epoch(self, epoch: int, positions: Sequence[Position]) -> Iterator[Drawn]:
        readers = [self._source(epoch, number, position) for number, position in enumerate(positions)]
        turns = [(position.drawn / self._paces[number], number) for number, position in enumerate(positions)]
        heapq.heapify(turns)
        while turns:
            number = turns[0][1]
            drawn = next(readers[number], None)
            if drawn is None:
                heapq.heappop(turns)
                continue
            heapq.heapreplace(turns, (drawn.after.drawn / self._paces[number], number))
            yield drawn

    def _source(self, epoch: int, source: int, position: Position) -> Iterator[Drawn]:
        weight, count = self.sources[source].weight, position.drawn
        for passes in range(position.passes, math.ceil(weight)):
            first = position.row if passes == position.passes else 0
            for number, row in self.rows_of(source, first):
                # The last pass of a weight such as 2.5 takes a seeded half of the rows, another one each epoch.
                if derive(self._seed, epoch, source, number) < (weight - passes) * 2**63:
                    count += 1
                    yield Drawn(epoch, source, number, row, Position(passes, number + 1, count))

    def rows_of(self, source: int, first: int) -> Iterator[tuple[int, Row | Refused]]:
        """The rows of a source from number `first` on. Before it, rows are parsed only until a format is found."""
        is_known, name = False, self.sources[source].name
        for number, row in read_rows(self.sources[source], seed=self._seed):
            if number < first and is_known:
                continue
            parsed = self._detectors[source].parse(row, f"{name} row {number}")
            is_known = is_known or not isinstance(parsed, Refused)
            if number >= first:
                yield number, parsed


def _size(source: Source) -> int:
    if source.is_hub:
        return count_rows(source) * _HUB_ROW_BYTES
    return max(1, sum(path.stat().st_size for path in source_files(source)))
