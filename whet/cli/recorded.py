"""What a run has recorded of a step, printed: its rows with their texts, single tokens' losses, the console."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path


def print_rows(folder: Path, step: int, width: int | None, *, as_json: bool) -> None:
    """The rows of a step, texts cut to a width where there is one. Raises RunError where none are recorded."""
    from whet.track.recorded.row_page import row_dicts, row_page
    from whet.track.recorded.rows_index import rows_of
    from whet.track.script.plain import to_json
    from whet.train.record.texts import texts

    found = rows_of(folder, step)
    if not found:
        raise _no_such_step(folder, step)
    text_of = texts(folder, (one.place(index)[:2] for one in found for index in range(len(one)))).get
    told: Callable[[str, int], str | None] = lambda source, row: text_of((source, row))  # noqa: E731
    print(to_json(row_dicts(found, told)).decode() if as_json else row_page(found, told, width))


def print_tokens(folder: Path, step: int) -> None:
    """The single tokens that are recorded of a step. Raises RunError where none are."""
    from whet.base.errors import RunError
    from whet.track.recorded.row_page import token_page
    from whet.track.recorded.rows_index import token_steps, tokens_of
    from whet.train.record.texts import decoder

    found = tokens_of(folder, step)
    if not found:
        steps = token_steps(folder)
        hint = f"--step {min(steps, key=lambda one: abs(one - step))}" if steps else "track.tokens_every=100"
        raise RunError(f"no single tokens are recorded of step {step}", at=str(folder), hint=hint)
    print(token_page(found, decoder(folder) or (lambda ids: " ".join(map(str, ids)))))


def print_console(folder: Path, step: int | None, rank: int | None) -> None:
    """What a run has printed; of several ranks each line says whose it is. Raises RunError where nothing is kept."""
    from whet.base.errors import RunError
    from whet.track.recorded.console_reading import console, lines, ranks

    pieces = list(console(folder, rank))
    if not pieces and rank is not None and (kept := ranks(folder)):
        if rank in kept:
            print(f"rank {rank} printed nothing", file=sys.stderr)
            return
        near = min(kept, key=lambda one: abs(one - rank))
        said = f"of ranks {', '.join(map(str, kept))}" if len(kept) > 1 else f"of rank {kept[0]} alone"
        raise RunError(f"nothing that rank {rank} printed is kept, {said}", at=str(folder), hint=f"--rank {near}")
    if not pieces:
        raise RunError("nothing that it printed is kept", at=str(folder), hint="track.console=true")
    many = len({one.rank for one in pieces}) > 1
    for piece, line in lines(pieces, step):
        print(f"{piece.rank}  {line}" if many else line)


def _no_such_step(folder: Path, step: int) -> Exception:
    from whet.base.errors import RunError
    from whet.track.recorded.rows import every_step

    steps = [one.step for one in every_step(folder)]
    if not steps:
        return RunError("which rows its steps learned from is not recorded", at=str(folder), hint="track.rows=true")
    return RunError(f"no rows are recorded of step {step}", at=str(folder), hint=f"--step {min(steps)} to {max(steps)}")
