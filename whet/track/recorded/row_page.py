"""What a step learned from, as text for terminals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from whet.base.units import figure
from whet.track.recorded.row_frames import RowTokens, StepRows
from whet.track.script.plain import plain
from whet.track.terminal.progress import printable
from whet.track.terminal.terminal_page import align

# What is said of a row in other columns, or says nothing to people.
_OWN = ("source", "row", "part", "loss", "tokens", "sample", "batch", "digest")

TextOf = Callable[[str, int], str | None]


def row_dicts(found: Sequence[StepRows], text_of: TextOf) -> list[dict[str, Any]]:
    """Every row of a step as JSON values, with what stands in its source where that is there."""
    told = []
    for step in found:
        for index in range(len(step)):
            source, row, part = step.place(index)
            columns = {name: plain(column[index].item()) for name, column in step.columns.items() if name != "source"}
            place = {"rank": step.rank, "source": source, "row": row, "part": part}
            told.append({**place, **{n: v for n, v in columns.items() if n not in place}, "text": text_of(source, row)})
    return told


def row_page(found: Sequence[StepRows], text_of: TextOf, width: int | None) -> str:
    """A line a row, those with the highest loss first: rank, place, trained tokens, loss, fields, text.

    Texts are cut to a width; without one they stand whole below their rows.
    """
    rows = row_dicts(found, text_of)
    names = [name for name in found[0].columns if name not in _OWN]
    rows.sort(key=lambda row: -row["loss"] if isinstance(row["loss"], float) else math.inf)
    heads = ("RANK", "SOURCE", "ROW", "TOKENS", "LOSS", *(printable(name).upper() for name in names))
    lines = align([heads, *(_cells(row, names) for row in rows)], right=range(2, len(heads))).splitlines()
    texts = [row["text"] or "" for row in rows]
    about = f"step {found[0].step}, epoch {figure(found[0].epoch)}: {len(rows)} rows"
    if width is None:
        pairs = zip(lines[1:], texts, strict=True)
        return "\n".join([about, lines[0], *(f"{line}\n{_indented(text)}".rstrip() for line, text in pairs)])
    reach = max(map(len, lines))
    room = max(20, width - reach - 2)
    told = ["TEXT", *(_cut(printable(text), room) for text in texts)]
    whole = [f"{line.ljust(reach)}  {text}".rstrip() for line, text in zip(lines, told, strict=True)]
    is_cut = any(len(text) > room for text in texts)
    return "\n".join([f"{about}{', texts cut (--full shows them whole)' * is_cut}", *whole])


def _indented(text: str) -> str:
    return "\n".join(f"  {printable(line)}" for line in text.splitlines())


def token_page(found: Sequence[RowTokens], decode: Callable[[Sequence[int]], str]) -> str:
    """Each row's trained tokens with their losses, in order."""
    parts = []
    for one in found:
        pairs = zip(one.targets.tolist(), one.losses.tolist(), strict=True)
        lines = [(f"  {figure(loss)}", repr(decode([target]))) for target, loss in pairs]
        where = f"step {one.step}, {one.rank}, {printable(one.source)} row {one.row}"
        title = f"{where}: {len(one.ids)} tokens, {len(lines)} trained"
        parts.append("\n".join([title, align(lines, right=(0,))]))
    return "\n\n".join(parts)


def _cells(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    number = f"{row['row']}.{row['part']}" if row["part"] else str(row["row"])
    source = printable(row["source"].rpartition("/")[2]) or "-"
    values = (_shown(row.get(name)) for name in names)
    return row["rank"], source, number, str(row["tokens"]), _shown(row["loss"]), *values


def _shown(value: Any) -> str:
    return figure(value) if isinstance(value, float) else "-" if value is None else str(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
