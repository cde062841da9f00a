"""From a file's rows to the rows of `contracts`: the data format is given, or detected row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.base.facts import DataFormatFacts
from whet.base.slots import Kind
from whet.contracts.rows import Row
from whet.data.refusal import Refused, refused
from whet.data.rows.column_hints import OF_TEXTS, columns_of, way_out
from whet.data.rows.columns import what
from whet.data.rows.message_weights import refuse_masks
from whet.data.rows.misfits import emptied, lacking
from whet.data.rows.written_lists import with_lists
from whet.data.sources.files import Source, read_rows
from whet.data.store.notes import Notes

Format = Kind[DataFormatFacts]
_TRAINED = frozenset(("text", "completion", "conversation", "preference", "labelled"))
_WATCHED_ROWS = 16  # of each format, whose columns are watched for those that it does not read


def parse_rows(
    source: Source, *, seed: int = 0, takes: Collection[str] = (), notes: Notes | None = None
) -> Iterator[tuple[int, Row | Refused]]:
    """Yield (row number, row) of a source. A malformed row is a `Refused`; a first row without a format is an error."""
    detector = Detector(source.format, takes, notes)
    for number, row in read_rows(source, seed=seed):
        at = f"{source.name} row {number}"
        yield number, detector.parse(row, at)


def first_notes(source: Source, *, seed: int = 0, takes: Collection[str] = (), rows: int = 1000) -> Notes:
    """What is to be said of the first rows of a source, for one that is not read whole before it is learned from."""
    notes = Notes()
    for _ in islice(parse_rows(source, seed=seed, takes=takes, notes=notes), rows):
        pass
    return notes


class Detector:
    """Finds the format of each row: the one named, else the first that matches, most particular first.

    Where a row is in several formats, those come first that make what an objective `takes`. `seen` counts the rows of
    each format so far, `notes` what is to be said of them, `unread` has the columns that no format read.
    """

    def __init__(self, name: str | None = None, takes: Collection[str] = (), notes: Notes | None = None) -> None:
        self.named = data_format.get(name) if name else None
        kinds = [data_format.get(known) for known in data_format.names()]
        own = frozenset(takes)
        self._kinds = sorted(kinds, key=lambda kind: (_is_taken(kind, own), kind.facts.priority), reverse=True)
        self.seen: Counter[str] = Counter()
        self.notes = notes if notes is not None else Notes()
        self._read: dict[str, tuple[dict[str, None], set[str]]] = {}

    @property
    def unread(self) -> list[str]:
        """The columns with values that the formats of the first rows did not read, in the order of the rows."""
        held = dict.fromkeys(name for held, _ in self._read.values() for name in held)
        read = {name for _, read in self._read.values() for name in read}
        return [name for name in held if name not in read]

    def kind(self, row: Mapping[str, Any], at: str) -> Format:
        """The format of a row. Raises DataError with the columns seen and the nearest formats."""
        if self.named is not None:
            if self.named.facts.matches is not None and not self.named.facts.matches(row):
                raise _unlike(self.named, row, at)
            return self.named
        for kind in self._kinds:
            if kind.facts.matches is not None and kind.facts.matches(row):
                return kind
        raise self._unknown(row, at)

    def parse(self, row: Mapping[str, Any], at: str) -> Row | Refused:
        """The row in the contracts' form. Raises DataError only while no row has been recognised yet, for one that
        has no empty column of a format.

        Whatever else goes wrong with a row, of whatever class, makes it a `Refused`: this is the one place.
        """
        try:
            row = with_lists(row)
        except DataError as error:
            return refused(error)
        try:
            kind = self.kind(row, at)
        except DataError as error:
            return self._misfit(row, error, at)
        except Exception as error:
            return refused(error)
        self.seen[kind.name] += 1
        try:
            return self._built(kind, row, at)
        except Exception as error:
            return refused(error)

    def _misfit(self, row: Mapping[str, Any], error: DataError, at: str) -> Refused:
        kinds = self._kinds if self.named is None else [self.named]
        if empty := emptied(kinds, row, at):
            return refused(empty)
        if not self.seen:
            raise error
        known = {name: self._held(name) for name in self.seen}
        is_like = any(not row.keys().isdisjoint(columns) for columns in known.values())
        return refused(lacking(known, row, at) or error, "bad_row" if is_like else "unknown_format")

    def _held(self, name: str) -> list[str]:
        """The columns of the format `name` that its rows so far have."""
        held, _ = self._read.get(name, ({}, set()))
        return [column for column in data_format.get(name).facts.columns if column in held]

    def _built(self, kind: Format, row: Mapping[str, Any], at: str) -> Row:
        if self.seen[kind.name] > _WATCHED_ROWS:
            made = kind.build(row)
        else:
            watched = _Watched(row)
            made = kind.build(watched)
            watched.is_whole |= made.kind == "prompt"  # whose columns are the rewards' to read
            self._watch(kind, watched, at)
        if made.kind in _TRAINED:
            refuse_masks(row)
        self.notes.look(made, at)
        self.notes.look_at_split(row, at)
        return made

    def _watch(self, kind: Format, watched: _Watched, at: str) -> None:
        held, read = self._read.setdefault(kind.name, ({}, set()))
        filled = (name for name, value in watched.pairs() if value not in (None, "", [], {}))
        new = {name: None for name in filled if name not in held}
        held.update(new)
        read.update(held if watched.is_whole else watched.read)
        self.notes.unread([name for name in new if name not in read], at)

    def _unknown(self, row: Mapping[str, Any], at: str) -> DataError:
        near = sorted(self._kinds, key=lambda kind: (_overlap(kind, row), kind.facts.offered), reverse=True)[:3]
        nearest = "; ".join(f"`{kind.name}` ({', '.join(kind.facts.columns)})" for kind in near)
        for kind in near:
            if set(kind.facts.columns) <= row.keys() and kind.facts.columns in OF_TEXTS:
                odd = next(name for name in kind.facts.columns if not isinstance(row[name], str))
                said = f"`{odd}` is {what(row[odd])}, and no text as the format `{kind.name}` has it"
                hint = "a row for each of them" if isinstance(row[odd], list) else f'"{odd}": "{str(row[odd])[:40]}"'
                return DataError(said, at=at, hint=hint)
        return DataError(
            f"no data format fits a row with {columns_of(row)}; the nearest are {nearest}",
            at=at,
            hint=f"say which column is which, such as {way_out(None, row)}",
        )


class _Watched(dict):
    """A row that notes which of its columns are read."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        super().__init__(row)
        self.read: set[str] = set()
        self.is_whole = False

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self.is_whole = True
        return super().__iter__()

    def items(self) -> Any:
        self.is_whole = True
        return super().items()

    def keys(self) -> Any:
        self.is_whole = True
        return super().keys()

    def pairs(self) -> Any:
        return super().items()


def _unlike(kind: Format, row: Mapping[str, Any], at: str) -> DataError:
    needed = ", ".join(f"`{column}`" for column in kind.facts.columns)
    return DataError(
        f"the row is not in the format `{kind.name}`, which needs {needed}; it has {columns_of(row)}",
        at=at,
        hint=f"leave `format` out to detect it, or rename columns: {way_out(kind, row)}",
    )


def _is_taken(kind: Format, takes: frozenset[str]) -> bool:
    """Whether the format's rows are of a kind that is taken; a format that does not say what it makes may be."""
    return not takes or kind.facts.makes is None or not takes.isdisjoint(kind.facts.makes)


def _overlap(kind: Format, row: Mapping[str, Any]) -> int:
    return len(set(kind.facts.columns) & set(row))
