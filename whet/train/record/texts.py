"""What stood behind recorded numbers: the texts of rows in their sources, and what tokens mean."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whet.data.sources.files import Source


def texts(folder: Path, places: Iterable[tuple[str, int]]) -> Mapping[tuple[str, int], str]:
    """What stands in the sources of a run at these rows (source, row); nothing of sources that cannot be read."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for name, row in places:
        wanted[name].add(row)
    told: dict[tuple[str, int], str] = {}
    for source in _sources(folder):
        rows = wanted.get(source.name, set())
        with suppress(Exception):  # whatever has become of the file: its rows have no text then
            told.update(((source.name, number), text) for number, text in _read(source, rows))
    return told


def words_of(value: Any) -> Iterator[str]:
    """All texts in a row, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from words_of(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from words_of(inner)


def decoder(folder: Path) -> Callable[[Sequence[int]], str] | None:
    """What tokens mean: by the tokenizer of the run's model, or of what it began with; None where neither is there."""
    from whet.base.config import load

    places = [folder / "model"]
    with suppress(Exception):
        model = load(folder / "config.yaml").run.model.values()
        places += [Path(str(model[name])) for name in ("tokenizer", "path") if model.get(name)]
    for place in places:
        with suppress(Exception):
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(str(place)).decode
    return None


def _read(source: Source, rows: set[int]) -> Iterator[tuple[int, str]]:
    from whet.data.sources.files import read_rows

    left = set(rows)
    for number, row in read_rows(source) if left else ():
        if number in left:
            yield number, " | ".join(words_of(row))
            left.remove(number)
        if not left:
            return


def _sources(folder: Path) -> list[Source]:
    """The sources that the run's config names."""
    from whet.base.config import load
    from whet.base.errors import WhetError
    from whet.train.setup.paths import located
    from whet.train.setup.rows import sources_of

    if not (folder / "config.yaml").is_file():
        return []
    try:
        return sources_of(located(load(folder / "config.yaml").run).data.train)
    except WhetError as error:
        print(f"texts are left out: {error.message}", file=sys.stderr)
        return []
