"""Where two runs part, as text for terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from whet.track.recorded.difference import CONTENT, ROWS, Cause, Difference, Parting
from whet.track.terminal.progress import printable

_OTHERS = 8


def difference_page(found: Difference, first: str, second: str) -> str:
    """The step, what differs there in each, the cause, and what differs as well."""
    steps = f"{found.num_steps} step{'s' if found.num_steps != 1 else ''}"
    if found.parting is None:
        return (
            f"{printable(first)} and {printable(second)} are the same, bit for bit, in the {steps} that both recorded"
        )
    parting = found.parting
    lines = [
        f"they part at step {parting.step}: {parting.what}",
        f"  {printable(first)}: {_told(parting, parting.first)}",
        f"  {printable(second)}: {_told(parting, parting.second)}",
        f"cause: {_cause(found.cause)}" if found.cause else "cause: nothing that is recorded explains it",
    ]
    others = found.causes[1 : _OTHERS + 1]
    lines += ["differs as well:", *(f"  {_cause(one)}" for one in others)] if others else []
    if len(found.causes) > _OTHERS + 1:
        lines.append(f"  and {len(found.causes) - _OTHERS - 1} more")
    return "\n".join(lines)


def _told(parting: Parting, value: Any) -> str:
    if parting.what == ROWS:
        return ", ".join(_place(place) for place in value) if value else "no other rows"
    if parting.what == CONTENT and isinstance(value, Mapping):
        return ", ".join(f"{_place(place)} with loss {loss!r}" for place, loss in value.items())
    if isinstance(value, Mapping):
        return " ".join(printable(str(one)) for one in value.values())
    if isinstance(value, float):
        return f"{value!r} ({value.hex()})"
    return printable(str(value))


def _place(place: Sequence[Any]) -> str:
    name, row, part = place
    return f"{printable(str(name))} row {row}" + (f" part {part}" if part else "")


def _cause(cause: Cause) -> str:
    shown = [printable(str("not there" if value is None else value))[:60] for value in (cause.first, cause.second)]
    return f"{cause.kind} {printable(cause.name)}: {shown[0]} -> {shown[1]}"
