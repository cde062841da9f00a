"""Overlaps: a file that two entries of `data` name, whose rows would be taken twice without a word."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from whet.base.errors import DataError
from whet.data.sources.files import Source, source_files


def check_apart(sources: Sequence[Source], at: str = "data.train") -> None:
    """Raise DataError where two sources read the same rows in the same way: a weight takes rows more often."""
    known: dict[Hashable, int] = {}
    for number, source in enumerate(sources):
        for rows in set(_rows_of(source)):
            if (first := known.setdefault(rows, number)) != number:
                other = sources[first].name
                beside = "" if other == source.name else f", which `{other}` holds"
                raise DataError(
                    f"`{source.name}` is given twice{beside}: its rows would be taken twice", at=f"{at}[{number}]",
                    hint=f"leave it out; `{{path: {other}, weight: 2}}` takes each row twice",
                )  # fmt: skip


def measured_too(trained: Sequence[Source], held_out: Sequence[Source]) -> list[str]:
    """Names of sources whose rows are trained and held out at once, so that their loss says nothing of other rows."""
    learned = {rows for source in trained for rows in _rows_of(source)}
    return [source.name for source in held_out if not learned.isdisjoint(_rows_of(source))]


def _rows_of(source: Source) -> Iterator[Hashable]:
    """What tells the rows of a source from others: each of its files, and how it is read."""
    how = (source.format, source.split, source.subset, tuple(sorted(source.columns.items())), source.lines)
    places = [source.path] if source.is_hub else [str(Path(path).resolve()) for path in source_files(source)]
    yield from ((place, *how) for place in places)
