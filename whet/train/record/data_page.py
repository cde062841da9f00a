"""A run's data as it was learned from: rows of a source, rendered as the run's config says, token by token."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whet.base.errors import DataError, RunError

if TYPE_CHECKING:
    from whet.data.inspect import Renders
    from whet.data.sources.files import Source

# Rows that one page looks through for a text.
MOST_SEARCHED = 50_000


def data_page(folder: Path, source: str, start: int, limit: int, text: str = "") -> dict[str, Any]:
    """Rows of a source of a run (its number, or its name) from row `start` on (of those that hold a text), with tokens.

    As JSON: `sources` by name, `shown` rows with tokens (id, text, role, weight), `refused` rows with reasons, `next`
    row to go on from or None, and lengths over what is shown. Raises RunError and DataError.
    """
    from whet.data.inspect import Inspection

    sources, renderer, context = _material(folder)
    place = _place(source, [one.name for one in sources], folder)
    chosen = sources[place]
    rows, following = _rows(chosen, start, limit, text)
    seen = Inspection(chosen.name, context=context)
    _look(seen, chosen, renderer, rows)
    refused = [
        {"row": number, "reason": reason, "detail": one.detail, "hint": one.hint}
        for reason, found in seen.refused.items()
        for number, one in found
    ]
    return {
        "sources": [one.name for one in sources], "source": place, "next": following, "context": context,
        "shown": [asdict(one) for one in seen.shown], "refused": refused, "formats": dict(seen.formats),
        "lengths": seen.lengths, "trained": seen.trained,
    }  # fmt: skip


def _place(source: str, names: Sequence[str], folder: Path) -> int:
    """Which of the sources is meant, by its number or its name."""
    if source in names:
        return names.index(source)
    if not source.isdecimal() or int(source) >= len(names):
        known = ", ".join(f"{number}: {name}" for number, name in enumerate(names))
        raise RunError(f"the run has no source `{source[:80]}`", at=str(folder), hint=f"one of {known}")
    return int(source)


def _material(folder: Path) -> tuple[list[Source], Renders | None, int | None]:
    """The sources of a run, what renders their rows (None without a tokenizer), and what the model sees of one."""
    from whet.base.catalogue import model_source
    from whet.base.config import load
    from whet.train.setup.chosen import chosen_of
    from whet.train.setup.paths import located
    from whet.train.setup.rows import renderer_of, settled, sources_of

    if not (folder / "config.yaml").is_file():
        raise RunError("it was no training: it has no data", at=str(folder), hint="a run of `whet train`")
    run = located(load(folder / "config.yaml").run)
    chosen = chosen_of(run)
    read = model_source.get(run.model.kind).facts.read  # what builds models is not asked: its import takes seconds
    processor, context, _ = read(**run.model.values()) if read is not None else (None, None, "")
    run, _ = settled(run, processor)
    return sources_of(run.data.train), renderer_of(run, chosen, processor), context


def _rows(source: Source, start: int, limit: int, text: str) -> tuple[list[tuple[int, Any]], int | None]:
    """Rows with their numbers from one on, and the number after the last that was looked at, if there may be more."""
    from whet.data.sources.files import read_rows
    from whet.train.record.texts import words_of

    numbered: Iterator[tuple[int, Any]] = (pair for pair in read_rows(source) if pair[0] >= start)
    found: list[tuple[int, Any]] = []
    wanted = text.casefold()
    for number, row in islice(numbered, MOST_SEARCHED):
        if len(found) == limit:
            return found, number
        if not wanted or any(wanted in word.casefold() for word in words_of(row)):
            found.append((number, row))
    following = next(numbered, None)
    return found, None if following is None else following[0]


def _look(seen: Any, source: Source, renderer: Renders | None, rows: Sequence[tuple[int, Any]]) -> None:
    from whet.data.inspect import look
    from whet.data.rows.detect import Detector

    if renderer is None:
        raise DataError("the run has no tokenizer that renders its rows", at=source.name, hint="whet data inspect")
    detector = Detector(source.format)
    parsed = [(number, detector.parse(row, f"{source.name} row {number}")) for number, row in rows]
    look(seen, renderer, parsed, len(rows))
    seen.formats = detector.seen
