"""What a run has recorded of a step, printed: its rows with their texts, single tokens' losses, the console."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whet.data.sources.files import Source
    from whet.track.recorded.rows import StepRows


def print_rows(folder: Path, step: int, width: int, *, as_json: bool) -> None:
    """The rows of a step. Raises RunError where none are recorded."""
    from whet.track.recorded.row_page import row_dicts, row_page
    from whet.track.recorded.rows import rows_of
    from whet.track.script.plain import to_json

    found = rows_of(folder, step)
    if not found:
        raise _no_such_step(folder, step)
    text_of = texts(folder, found).get
    told: Callable[[str, int], str | None] = lambda source, row: text_of((source, row))  # noqa: E731
    print(to_json(row_dicts(found, told)).decode() if as_json else row_page(found, told, width))


def print_tokens(folder: Path, step: int) -> None:
    """The single tokens that are recorded of a step. Raises RunError where none are."""
    from whet.base.errors import RunError
    from whet.track.recorded.row_page import token_page
    from whet.track.recorded.rows import token_steps, tokens_of

    found = tokens_of(folder, step)
    if not found:
        steps = token_steps(folder)
        hint = f"--step {min(steps, key=lambda one: abs(one - step))}" if steps else "track.tokens_every=100"
        raise RunError(f"no single tokens are recorded of step {step}", at=str(folder), hint=hint)
    print(token_page(found, _decoder(folder)))


def print_console(folder: Path, step: int | None, rank: int | None) -> None:
    """What a run has printed; of several ranks each line says whose it is. Raises RunError where nothing is kept."""
    from whet.base.errors import RunError
    from whet.track.recorded.console_reading import console, lines, ranks

    pieces = list(console(folder, rank))
    if not pieces and rank is not None and (kept := ranks(folder)):
        near = min(kept, key=lambda one: abs(one - rank))
        said = f"of ranks {', '.join(map(str, kept))}" if len(kept) > 1 else f"of rank {kept[0]} alone"
        raise RunError(f"nothing that rank {rank} printed is kept, {said}", at=str(folder), hint=f"--rank {near}")
    if not pieces:
        raise RunError("nothing that it printed is kept", at=str(folder), hint="track.console=true")
    many = len({one.rank for one in pieces}) > 1
    for piece, line in lines(pieces, step):
        print(f"{piece.rank}  {line}" if many else line)


def texts(folder: Path, found: Sequence[StepRows]) -> Mapping[tuple[str, int], str]:
    """What stands in the sources of a run at these rows; nothing of sources that are gone or cannot be read."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for step in found:
        for index in range(len(step)):
            name, row, _ = step.place(index)
            wanted[name].add(row)
    told: dict[tuple[str, int], str] = {}
    for source in _sources(folder):
        rows = wanted.get(source.name, set())
        with suppress(Exception):  # whatever has become of the file: its rows have no text then
            told.update(((source.name, number), text) for number, text in _read(source, rows))
    return told


def _read(source: Source, rows: set[int]) -> Iterator[tuple[int, str]]:
    from whet.data.sources.files import read_rows

    left = set(rows)
    for number, row in read_rows(source) if left else ():
        if number in left:
            yield number, " | ".join(_words(row))
            left.remove(number)
        if not left:
            return


def _words(value: Any) -> Iterator[str]:
    """All texts in a row, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _words(inner)


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


def _decoder(folder: Path) -> Callable[[Sequence[int]], str]:
    """What tokens mean: by the tokenizer of the run's model, or of what it began with; else their numbers."""
    from whet.base.config import load

    places = [folder / "model"]
    with suppress(Exception):
        model = load(folder / "config.yaml").run.model.values()
        places += [Path(str(model[name])) for name in ("tokenizer", "path") if model.get(name)]
    for place in places:
        with suppress(Exception):
            from transformers import AutoTokenizer

            return AutoTokenizer.from_pretrained(str(place)).decode
    return lambda ids: " ".join(map(str, ids))


def _no_such_step(folder: Path, step: int) -> Exception:
    from whet.base.errors import RunError
    from whet.track.recorded.rows import every_step

    steps = [one.step for one in every_step(folder)]
    if not steps:
        return RunError("which rows its steps learned from is not recorded", at=str(folder), hint="track.rows=true")
    return RunError(f"no rows are recorded of step {step}", at=str(folder), hint=f"--step {min(steps)} to {max(steps)}")
