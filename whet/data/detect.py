"""From a file's rows to the rows of `contracts`: the data format is given, or detected row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from whet.base.catalogue import data_format
from whet.base.errors import DataError
from whet.base.slots import Kind
from whet.contracts.rows import Row
from whet.data.files import Source, read_rows
from whet.data.refusal import Refused

_PLAIN = ("openai", "text", "completion")  # offered, the last one first, when no column has a known name


def parse_rows(source: Source, *, seed: int = 0, takes: Collection[str] = ()) -> Iterator[tuple[int, Row | Refused]]:
    """Yield (row number, row) of a source. A malformed row is a `Refused`; a first row without a format is an error."""
    detector = Detector(source.format, takes)
    for number, row in read_rows(source, seed=seed):
        at = f"{source.name} row {number}"
        yield number, detector.parse(row, at)


class Detector:
    """Finds the format of each row: the one named, else the first that matches, most particular first.

    Where a row is in several formats, those come first that make what an objective `takes`. `seen` counts the rows of
    each format so far.
    """

    def __init__(self, name: str | None = None, takes: Collection[str] = ()) -> None:
        self.named = data_format.get(name) if name else None
        kinds = [data_format.get(known) for known in data_format.names()]
        own = frozenset(takes)
        self._kinds = sorted(
            (kind for kind in kinds if "matches" in kind.facts),
            key=lambda kind: (_is_taken(kind, own), _priority(kind)),
            reverse=True,
        )
        self.seen: Counter[str] = Counter()

    def kind(self, row: Mapping[str, Any], at: str) -> Kind:
        """The format of a row. Raises DataError with the columns seen and the nearest formats."""
        if self.named is not None:
            if not self.named.facts.get("matches", _anything)(row):
                raise _unlike(self.named, row, at)
            return self.named
        for kind in self._kinds:
            if kind.facts["matches"](row):
                return kind
        raise self._unknown(row, at)

    def parse(self, row: Mapping[str, Any], at: str) -> Row | Refused:
        """The row in the contracts' form. Raises DataError only while no row has been recognised yet."""
        try:
            kind = self.kind(row, at)
        except DataError as error:
            if not self.seen:
                raise
            return Refused("unknown_format", error.message, error.hint)
        self.seen[kind.name] += 1
        try:
            return kind.build(row)
        except DataError as error:
            return Refused("bad_row", error.message, error.hint)

    def _unknown(self, row: Mapping[str, Any], at: str) -> DataError:
        near = sorted(self._kinds, key=lambda kind: (_overlap(kind, row), _plainness(kind)), reverse=True)[:3]
        nearest = "; ".join(f"`{kind.name}` ({', '.join(kind.facts.get('columns', ()))})" for kind in near)
        return DataError(
            f"no data format fits a row with {_columns(row)}; the nearest are {nearest}",
            at=at,
            hint=f"say which column is which, such as {_renaming(near[0], row)}",
        )


def _unlike(kind: Kind, row: Mapping[str, Any], at: str) -> DataError:
    needed = ", ".join(f"`{column}`" for column in kind.facts.get("columns", ()))
    return DataError(
        f"the row is not in the format `{kind.name}`, which needs {needed}; it has {_columns(row)}",
        at=at,
        hint=f"leave `format` out to detect it, or rename columns: {_renaming(kind, row)}",
    )


def _is_taken(kind: Kind, takes: frozenset[str]) -> bool:
    """Whether the format's rows are of a kind that is taken; a format that does not say what it makes may be."""
    return not takes or not takes.isdisjoint(kind.facts.get("makes", takes))


def _priority(kind: Kind) -> float:
    return kind.facts.get("priority", 0)


def _plainness(kind: Kind) -> int:
    return _PLAIN.index(kind.name) if kind.name in _PLAIN else -1


def _anything(row: Mapping[str, Any]) -> bool:
    return True


def _columns(row: Mapping[str, Any]) -> str:
    return f"the columns {', '.join(f'`{name}`' for name in row)}" if row else "no columns"


def _overlap(kind: Kind, row: Mapping[str, Any]) -> int:
    return len(set(kind.facts.get("columns", ())) & set(row))


def _renaming(kind: Kind, row: Mapping[str, Any]) -> str:
    """`columns: {prompt: question, completion: answer}`: the missing columns get the row's spare ones, texts first."""
    missing = [column for column in kind.facts.get("columns", ()) if column not in row]
    spare = [name for name in row if name and name not in kind.facts.get("columns", ())]
    spare.sort(key=lambda name: not isinstance(row[name], str))
    pairs = ", ".join(f"{wanted}: {existing}" for wanted, existing in zip(missing, spare, strict=False))
    return f"columns: {{{pairs}}}" if pairs else f"format: {kind.name}"
