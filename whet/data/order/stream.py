"""Step source over rows that are rendered while training: for data that is too large to render first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import Any, NamedTuple

from whet.base.errors import INSPECT, ConfigError, DataError
from whet.contracts.sample import Sample
from whet.contracts.steps import Step, Stop
from whet.data.order.epochs import STREAM, WINDOW
from whet.data.order.shuffle import shuffled
from whet.data.order.step_source import check_turn, only_one, refuse_changes
from whet.data.order.window import close_window
from whet.data.render.recipe import RowsToSamples
from whet.data.rows.detect import first_notes
from whet.data.sources.files import Source, about_files, fingerprint
from whet.data.sources.mixture import Drawn, Mixture, Position
from whet.data.store.ledger import Entry, Ledger
from whet.data.store.table import packed, unpacked
from whet.data.workers import apply_in_order

_CHUNK_ROWS = 64
# Until the first epoch ends, shares are taken of at least so many rows: a bad one among the first ten is not a tenth.
_MIN_ROWS = 1000


class _Numbered(NamedTuple):
    """A sample and the number of its source."""

    source: int
    sample: Sample


class _Rendered(NamedTuple):
    """What became of a row."""

    drawn: Drawn
    samples: list[_Numbered]
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a window starts: positions in the sources, samples carried over, and rows read and skipped up to there."""

    epoch: int
    window: int
    positions: tuple[Position, ...]
    carried: tuple[_Numbered, ...] = ()
    num_rows: tuple[int, ...] = ()
    num_skipped: int = 0


class StreamingSource:
    """Steps like those of DatasetSource, from rows as they come: `steps` of them, or as many as hold `tokens`.

    Rows are shuffled within a window of `window_steps` steps alone, whose samples are in memory. Every
    rank renders all rows, to know where steps end; `workers` processes do it ahead (0: this one does,
    when a window begins). The number of steps for `tokens` takes each as full, which best fit does not
    quite reach. Raises ConfigError where not exactly one batch and one length are given.
    """

    can_prefetch = True

    def __init__(
        self,
        sources: Sequence[Source],
        recipe: RowsToSamples,
        *,
        ledger: Ledger,
        seed: int,
        batch_tokens: int | None = None,
        batch_samples: int | None = None,
        window_steps: int = 8,
        steps: int | None = None,
        tokens: int | None = None,
        shuffle: bool = True,
        max_skipped: float = 0.01,
        workers: int = 0,
    ) -> None:
        self._budget = int(only_one(batch_tokens=batch_tokens, batch_samples=batch_samples))
        only_one(steps=steps, tokens=tokens)
        if tokens and not batch_tokens:
            raise ConfigError(
                "how many steps the tokens make is unknown while steps are counted in samples",
                at="train.tokens",
                hint="give train.steps, or train.batch_tokens",
            )
        self.total = steps or -(-int(tokens or 0) // self._budget)
        self.notices: tuple[str, ...] = ()
        for source in sources:
            for note in filter(None, (about_files(source), *first_notes(source, seed=seed, takes=recipe.takes))):
                ledger.note(source.name, note)
        self._mixture, self._recipe, self._ledger = (
            Mixture(sources, seed, interleaved=shuffle, takes=recipe.takes),
            recipe,
            ledger,
        )
        self._by_tokens, self._window_steps, self._max_skipped = batch_tokens is not None, window_steps, max_skipped
        self._seed, self._shuffle, self._workers = seed, shuffle, workers
        self._order = {
            "data": [fingerprint(source) for source in sources],
            "weights": [source.weight for source in sources],
            "rendering": recipe.key,
            "seed": seed,
            "shuffle": shuffle,
            "batch_tokens": batch_tokens,
            "batch_samples": batch_samples,
            "window_steps": window_steps,
        }
        self._served = self._step = 0
        self._steps: list[list[_Numbered]] | None = None
        self._place = self._following = _Place(0, 0, self._mixture.start, num_rows=(0,) * len(sources))
        self._rows = self._rows_from(self._place)

    def next(self, step: int) -> Step | Stop:
        """The step of this number; they are given out in order. Raises RunError for any other."""
        if step >= self.total:
            return Stop(f"all {self.total:,} steps are done")
        check_turn(step, self._step)
        while self._steps is None or self._served == len(self._steps):
            if self._steps is not None:
                self._place, self._served = self._following, 0
            self._steps, self._following = self._window(self._place)
        samples = [sample for _, sample in self._steps[self._served]]
        self._served, self._step = self._served + 1, self._step + 1
        epoch = self._place.epoch
        return Step(step, list(map(_tokens, samples)), samples.__getitem__, float(epoch), epoch)

    def state_dict(self) -> dict[str, Any]:
        """JSON: where the current window starts and what was carried into it, how many of its steps are given out, and
        what defines the order."""
        place = self._place
        sources, samples = [number for number, _ in place.carried], packed([sample for _, sample in place.carried])
        return {
            "step": self._step,
            "served": self._served,
            "place": {**asdict(replace(place, carried=())), "carried": samples, "carried_from": sources},
            "order": self._order,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on after the last step given out: reads the sources again up to there, without rendering.

        Raises RunError where the data or the order has changed, or the state is of another version.
        """
        refuse_changes(state["order"], self._order)
        stored = state["place"]
        carried = unpacked(stored["carried"])
        place = _Place(
            stored["epoch"],
            stored["window"],
            tuple(Position(*position) for position in stored["positions"]),
            tuple(map(_Numbered, stored["carried_from"], carried)),
            tuple(stored["num_rows"]),
            stored["num_skipped"],
        )
        for source, count in zip(self._mixture.sources, place.num_rows, strict=True):
            self._ledger.read(source.name, count)
        self._served, self._step, self._steps = state["served"], state["step"], None
        self._place = self._following = place
        self._rows = self._rows_from(place)

    def _rows_from(self, place: _Place) -> _Ahead:
        names = [source.name for source in self._mixture.sources]
        chunks = _chunks(self._mixture.rows(place.epoch, place.positions))
        rendered = apply_in_order(partial(_render, self._recipe, names), chunks, self._workers)
        return _Ahead(chain.from_iterable(rendered))

    def _window(self, place: _Place) -> tuple[list[list[_Numbered]], _Place]:
        """The steps of the window at `place`, and where the next one starts."""
        fresh, following = self._draw(place)
        if self._shuffle:
            fresh = [fresh[i] for i in shuffled(len(fresh), self._seed, place.epoch, STREAM, place.window)]
        samples = [*place.carried, *fresh]
        is_last = self._rows.peek().drawn.epoch > place.epoch
        if is_last and not samples and place.window == 0:
            raise DataError(
                f"no row is left to learn from: {self._ledger.summary()}",
                hint=f"{INSPECT} shows why rows are skipped",
            )
        if is_last or following.num_skipped > self._max_skipped * _MIN_ROWS:
            self._ledger.check_share(following.num_skipped, sum(following.num_rows), self._max_skipped)
        key = (self._seed, place.epoch, WINDOW, place.window) if self._shuffle else None
        costs = [self._cost(sample) for _, sample in samples]
        steps, carried = close_window(costs, self._budget, self._window_steps, key=key, is_last=is_last)
        following = replace(following, carried=tuple(samples[i] for i in carried))
        if is_last and not carried:
            following = replace(following, epoch=place.epoch + 1, window=0, positions=self._mixture.start)
        return [[samples[i] for i in step] for step in steps], following

    def _draw(self, place: _Place) -> tuple[list[_Numbered], _Place]:
        """Samples of the next rows of the epoch until, with the carried ones, they fill the window."""
        missing = self._budget * self._window_steps - sum(self._cost(sample) for _, sample in place.carried)
        fresh, positions, num_rows, num_skipped = [], list(place.positions), list(place.num_rows), place.num_skipped
        while missing > 0 and self._rows.peek().drawn.epoch == place.epoch:
            drawn, samples, entries = self._rows.take()
            positions[drawn.source] = drawn.after
            fresh += samples
            missing -= sum(self._cost(sample) for _, sample in samples)
            for entry in entries:
                self._ledger.add(entry)
            if place.epoch == 0 and drawn.after.passes == 0:
                self._ledger.read(self._mixture.sources[drawn.source].name, 1)
                num_rows[drawn.source] += 1
                num_skipped += any(entry.action == "skipped" for entry in entries)
        following = _Place(place.epoch, place.window + 1, tuple(positions), (), tuple(num_rows), num_skipped)
        return fresh, following

    def _cost(self, sample: Sample) -> int:
        return min(_tokens(sample), self._budget) if self._by_tokens else 1


class _Ahead:
    """Rendered rows without end, the next of which can be looked at."""

    def __init__(self, rows: Iterator[_Rendered]) -> None:
        self._rows = rows
        self._next: _Rendered | None = None

    def peek(self) -> _Rendered:
        """The next row, which stays."""
        if self._next is None:
            self._next = next(self._rows)
        return self._next

    def take(self) -> _Rendered:
        """The next row."""
        row, self._next = self.peek(), None
        return row


def _chunks(rows: Iterator[Drawn]) -> Iterator[list[Drawn]]:
    while True:
        yield list(islice(rows, _CHUNK_ROWS))


def _render(recipe: RowsToSamples, names: Sequence[str], chunk: Sequence[Drawn]) -> list[_Rendered]:
    """Render the rows of each source together; a row that a chunk holds twice is rendered once."""
    samples, entries = defaultdict(list), defaultdict(list)
    for number in {drawn.source for drawn in chunk}:
        rows = {drawn.number: drawn.row for drawn in chunk if drawn.source == number}
        made, listed = recipe(names[number], list(rows.items()))
        for sample in made:
            samples[number, sample.origin.row if sample.origin else 0].append(_Numbered(number, sample))
        for entry in listed:
            entries[number, entry.row].append(entry)
    keys = [(drawn.source, drawn.number) for drawn in chunk]
    return [_Rendered(drawn, samples[key], entries[key]) for drawn, key in zip(chunk, keys, strict=True)]


def _tokens(sample: Sample) -> int:
    return max(1, sample.num_tokens)
