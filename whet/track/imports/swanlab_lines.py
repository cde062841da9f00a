"""What SwanLab wrote of one step before 0.8, as JSON: `index`, `data`, `create_time`, and of media `more`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from whet.track.imports.foreign import Numbers, Thing, beside, number_of, step_of

# Infinity is kept without its sign.
_NAMED = {"NaN": float("nan"), "INF": float("inf")}


def lines_of(folder: Path | None, notes: list[str]) -> Iterator[Mapping[str, Any]]:
    """The entries in a folder of logs, each of so many lines, in the order in which they were logged.

    A last line that was torn by a kill is no damage.
    """
    files = [path for path in (folder.glob("*.log") if folder else ()) if path.is_file() and path.stem.isdigit()]
    for path in sorted(files, key=lambda path: int(path.stem)):
        lines = path.read_bytes().split(b"\n")
        for line in lines[:-1]:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                yield found
            else:
                notes.append(f"a line of {path.parent.name}/{path.name} cannot be read")


def within(folder: Path, name: str) -> Path | None:
    """The folder of what was logged under one name; None where that would lead elsewhere."""
    return folder / name if Path(name).name == name != ".." else None


def number_of_line(name: str, line: Any, notes: list[str]) -> Iterator[Numbers]:
    """The number that an entry holds."""
    try:
        step, value = step_of(line["index"]), line["data"]
        number = _NAMED[value] if isinstance(value, str) else number_of(value)
    except (LookupError, TypeError, ValueError, OverflowError):
        number = None
    if number is None:
        notes.append(f"a value of {name} cannot be read")
    else:
        yield Numbers(moment_of(line), step, {name: number})


def things_of_line(name: str, line: Any, kind: str, media: Path | None, notes: list[str]) -> Iterator[Thing]:
    """The texts that an entry holds, or the files in the folder `media` that it names."""
    try:
        step, values = step_of(line["index"]), line["data"]
        more = line.get("more") or []
        values, more = values if isinstance(values, list) else [values], more if isinstance(more, list) else [more]
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError):
        notes.append(f"an entry of {name} cannot be read")
        return
    for place, value in enumerate(values):
        about = more[place] if place < len(more) and isinstance(more[place], Mapping) else {}
        caption = {"caption": str(about["caption"])} if about.get("caption") else {}
        if kind == "text":
            yield Thing(moment_of(line), step, name, kind, None, about={"text": str(value), **caption})
        elif media is not None and (found := beside(media, value)) is not None:
            yield Thing(moment_of(line), step, name, kind, found, about=caption)
        else:
            notes.append(f"a file of {name} is missing")


def moment_of(one: Mapping[str, Any]) -> float:
    """Unix seconds of a `create_time` in ISO 8601; without a zone it is in UTC. 0 of what is none."""
    try:
        found = datetime.fromisoformat(str(one.get("create_time")))
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
