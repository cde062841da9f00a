"""Parts of a run, printed (`whet show RUN --part PART`): data, refused rows, rollouts, media, lineage, and others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Rows of data, and of all else entries, that are printed at once.
ROWS, ENTRIES = 20, 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a part is wanted: of a step, from an entry on, what holds a text; of data, which source.

    `row` is `SOURCE#ROW`, whose lineage is asked for.
    """

    step: int | None = None
    start: int = 0
    text: str = ""
    source: str = "0"
    row: str = ""


# The folder of a run and what is wanted -> what is there as JSON values, and as text.
Part = Callable[[Path, Asked], tuple[Any, str]]


def data(folder: Path, asked: Asked) -> tuple[Any, str]:
    """Rows as training renders them, token by token."""
    from whet.track.terminal.part_pages import data_page as text
    from whet.train.record.data_page import data_page

    found = data_page(folder, asked.source, asked.start, ROWS, asked.text)
    return found, text(found)


def refused(folder: Path, asked: Asked) -> tuple[Any, str]:
    """Rows that were skipped, cut or dropped as duplicates."""
    from whet.track.recorded.belongings import refused_rows
    from whet.track.terminal.part_pages import refused_page

    found = refused_rows(folder, asked.start, ENTRIES, asked.text)
    return [asdict(one) for one in found.rows], refused_page(found)


def rollouts(folder: Path, asked: Asked) -> tuple[Any, str]:
    """Prompts with their answers, and what each reward said."""
    from whet.track.reading.store import history
    from whet.track.recorded.rollouts_reading import rollouts as read
    from whet.track.terminal.part_pages import rollouts_page

    found = read(history(folder), asked.step, asked.text)[asked.start : asked.start + ENTRIES]
    return [asdict(one) for one in found], rollouts_page(found)


def requests(folder: Path, asked: Asked) -> tuple[Any, str]:
    """What a served model was asked, as `whet serve --record` keeps it."""
    from whet.track.reading.query import parse
    from whet.track.reading.request_table import RequestTable
    from whet.track.terminal.requests_page import requests_page

    table = RequestTable(folder)
    numbers = table.find(parse("")).tolist()
    if wanted := asked.text.lower():
        texts = zip(table.column("asked", numbers), table.column("answered", numbers), strict=True)
        numbers = [n for n, said in zip(numbers, texts, strict=True) if wanted in f"{said[0]} {said[1]}".lower()]
    found = table.rows(numbers[asked.start : asked.start + ENTRIES])
    return found, requests_page(found, len(numbers))


def media(folder: Path, asked: Asked) -> tuple[Any, str]:
    """What was logged beside numbers."""
    from whet.track.reading.store import history
    from whet.track.terminal.part_pages import media_page

    wanted = asked.text.casefold()
    found = [
        event
        for event in history(folder).events("media")
        if asked.step in (None, event.step) and wanted in str(event.payload.get("name") or "").casefold()
    ]
    return [asdict(one) for one in found], media_page(found)


def lineage(folder: Path, asked: Asked) -> tuple[Any, str]:
    """What the run, or a step or row of it, was made of and what was made of it."""
    from whet.track.reading.store import history
    from whet.track.recorded.lineage import lineage as whole
    from whet.track.recorded.lineage import of_row, of_step
    from whet.track.terminal.part_pages import lineage_page

    logs = history(folder)
    found = whole(folder, logs) if asked.step is None else of_step(folder, logs, asked.step)
    if asked.row:
        found = of_row(folder, whole(folder, logs), *_place(asked.row))
    return asdict(found), lineage_page(found)


def _place(text: str) -> tuple[str, int]:
    """`rows.jsonl#7` as source and row. Raises ConfigError for what is none."""
    from whet.base.errors import ConfigError

    source, _, row = text.rpartition("#")
    if not source or not row.isdecimal():
        raise ConfigError(
            f"`{text[:80]}` is no row", at="--row", hint="--row chat.jsonl#7: a source, and the number of a row"
        )
    return source, int(row)


def evaluations(folder: Path, asked: Asked) -> tuple[Any, str]:
    """What was measured, of its checkpoints and of its model."""
    from whet.track.reading.store import history
    from whet.track.recorded.belongings import evaluations as kept
    from whet.track.registry.evaluations import HELD_OUT, ITS_OWN
    from whet.track.terminal.part_pages import evaluations_page

    logs, found = history(folder), kept(folder)
    names = [name for name in logs.names() if name.startswith(f"{HELD_OUT}/") and name.partition("/")[2] not in ITS_OWN]
    curves = {name: logs.scalar(name) for name in names}
    last = {name: (int(steps[-1]), float(values[-1])) for name, (steps, values) in curves.items() if len(steps)}
    return [asdict(one) for one in found], evaluations_page(found, last)


def mesh(folder: Path, asked: Asked) -> tuple[Any, str]:
    """Where ranks stand in the mesh, and what each holds."""
    from whet.track.reading.store import history
    from whet.track.recorded.mesh import mesh_of
    from whet.track.terminal.part_pages import mesh_page

    found = mesh_of(history(folder))
    return asdict(found), mesh_page(found)


def plan(folder: Path, asked: Asked) -> tuple[Any, str]:
    """Memory that was planned, beside what was measured."""
    from whet.track.recorded.plan_reading import plan_beside
    from whet.track.terminal.part_pages import plan_page

    found = plan_beside(folder)
    return asdict(found), plan_page(found)


# Each part, and what of Asked it heeds.
PARTS: dict[str, tuple[Part, tuple[str, ...]]] = {
    "data": (data, ("start", "text", "source")),
    "refused": (refused, ("start", "text")),
    "rollouts": (rollouts, ("step", "start", "text")),
    "requests": (requests, ("start", "text")),
    "media": (media, ("step", "text")),
    "lineage": (lineage, ("step", "row")),
    "evaluations": (evaluations, ()),
    "mesh": (mesh, ()),
    "plan": (plan, ()),
}
_OPTIONS = {"step": "--step", "start": "--from", "text": "--find", "source": "--source", "row": "--row"}


def print_part(folder: Path, name: str, asked: Asked, *, as_json: bool) -> None:
    """Print a part. Raises ConfigError for what it does not heed, and WhetError where it cannot be read."""
    from whet.base.errors import ConfigError
    from whet.track.script.plain import to_json

    part, heeded = PARTS[name]
    for setting, option in _OPTIONS.items():
        if setting not in heeded and getattr(asked, setting) != getattr(Asked(), setting):
            others = ", ".join(other for other, (_, theirs) in PARTS.items() if setting in theirs)
            hint = f"leave it out; of --part {others}"
            if setting == "step":
                hint = f"whet show {folder} --step {asked.step}, for the rows of a step"
            raise ConfigError(f"`--part {name}` heeds no `{option}`", at=option, hint=hint)
    value, text = part(folder, asked)
    print(to_json(value).decode() if as_json else text)
