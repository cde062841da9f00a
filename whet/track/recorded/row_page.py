"""What a step learned from, as text for terminals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from whet.track.recorded.rows import RowTokens, StepRows
from whet.track.script.plain import plain
from whet.track.terminal.progress import printable
from whet.track.terminal.quantities import figure
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


def row_page(found: Sequence[StepRows], text_of: TextOf, width: int) -> str:
    """A line a row, those with the highest loss first: rank, place, trained tokens, loss, fields, text."""
    rows = row_dicts(found, text_of)
    names = [name for name in found[0].columns if name not in _OWN]
    rows.sort(key=lambda row: -row["loss"] if isinstance(row["loss"], float) else math.inf)
    heads = ("RANK", "SOURCE", "ROW", "TOKENS", "LOSS", *(printable(name).upper() for name in names))
    lines = align([heads, *(_cells(row, names) for row in rows)], right=range(2, len(heads))).splitlines()
    room = max(20, width - max(map(len, lines)) - 2)
    texts = ["TEXT", *(_cut(printable(row["text"] or ""), room) for row in rows)]
    reach = max(map(len, lines))
    about = f"step {found[0].step}, epoch {figure(found[0].epoch)}: {len(rows)} rows"
    whole = [f"{line.ljust(reach)}  {text}".rstrip() for line, text in zip(lines, texts, strict=True)]
    return "\n".join([about, *whole])


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
