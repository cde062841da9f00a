"""Runs as rows to ask, sort and compare: what the listing says, the config laid flat, the last value of each metric."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from whet.track.reading.catalogue import Catalogue, said_of
from whet.track.reading.query import check_names, parse
from whet.track.reading.read import History
from whet.track.reading.store import Summary, history, summarize
from whet.track.script.described import described

# Of the listing what tells how a run went.
_OUTCOME = ("status", "reason", "step", "duration_s", "tokens_per_s")
_NUMBERS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

Row = dict[str, Any]
T = TypeVar("T")


def listed(root: Path) -> list[tuple[Summary, Row]]:
    """All runs under a root with their rows, the latest started first."""
    if not Path(root).is_dir():
        return []
    with closing(Catalogue(root)) as catalogue:
        found, said = catalogue.runs(), catalogue.said()
    return [(run, row_of(run, said[run.name])) for run in found]


def row_of(run: Summary, said: Mapping[str, Any]) -> Row:
    """Names and values of a run. Where several things have one name, the listing's comes first, then the metric's."""
    metrics = {name: _number(value) for name, value in said["summary"].items()}
    about = {name: value for name, value in said["about"].items() if name not in ("name", "tags")}
    labels = {f"label.{name}": value for name, value in said["labels"].items()}
    return {**dict(flat(said["config"])), **labels, **metrics, **about, **run.to_dict(), "tag": list(run.tags)}


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Entries of nested mappings, their names joined by dots."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def sorted_by(rows: Sequence[tuple[T, Row]], name: str, *, descending: bool) -> list[tuple[T, Row]]:
    """Rows by one of their values; texts stand behind numbers, and what has none (or NaN) last either way."""
    known = [pair for pair in rows if _rank(pair[1].get(name)) is not None]
    unknown = [pair for pair in rows if _rank(pair[1].get(name)) is None]
    return sorted(known, key=lambda pair: _rank(pair[1][name]) or (0, 0, ""), reverse=descending) + unknown


def chosen(
    rows: Sequence[tuple[T, Row]], text: str = "", order: str = "", *, with_archived: bool = False, find: str = ""
) -> list[tuple[T, Row]]:
    """The runs that a filter takes, in an order (`loss`, `loss:desc`), else pinned ones first.

    With `find` those that hold all of its words in their name, project, group or tags, whatever the case; the one that
    is called so comes first. Archived ones are left out unless they are wanted, or the filter asks about it. Raises
    ConfigError for a filter that is none, and for a name that no run has.
    """
    query, known = parse(text), [row for _, row in rows]
    check_names(query.names, known, text)
    is_open = with_archived or "archived" in query.names
    found = [pair for pair in rows if (is_open or not pair[1]["archived"]) and query.takes(pair[1])]
    if words := find.casefold().split():
        found = [pair for pair in found if all(word in _called(pair[1]) for word in words)]
    if not order:
        return sorted(found, key=lambda pair: (pair[1]["name"] != find, not pair[1]["pinned"]))
    name, _, way = order.rpartition(":") if order.endswith((":asc", ":desc")) else (order, "", "")
    check_names([name], known, f"sort={order}")
    return sorted_by(found, name, descending=way == "desc")


def _called(row: Row) -> str:
    """What people call a run by."""
    return "\n".join([row["name"], row["project"], row["group"], *row["tag"]]).casefold()


def compared(folders: Sequence[Path]) -> dict[str, Any]:
    """What differs between runs: `runs` by name, and of `config`, `facts` and `outcome` each entry with every value.

    `facts` are what trainings found as they began, such as the memory that was foretold: no setting differs by them.
    `metrics` are the names of the curves that any of them has.
    """
    logs = [history(folder) for folder in folders]
    told = [described(one) for one in logs]
    said = [said_of(*each) for each in zip(folders, logs, told, strict=True)]
    summaries = [summarize(*each).to_dict() for each in zip(folders, logs, told, strict=True)]
    ends = [
        {**{name: row[name] for name in _OUTCOME}, "total_tokens": _total(one)}
        for row, one in zip(summaries, logs, strict=True)
    ]
    outcome = [{**end, **one["summary"]} for end, one in zip(ends, said, strict=True)]
    names = [row["name"] for row in summaries]
    facts = [_facts(one["config"], own.facts) for one, own in zip(said, told, strict=True)]
    settings = [_settings(one["config"], own, name) for one, own, name in zip(said, facts, names, strict=True)]
    return {
        "runs": names,
        "config": _differing(settings),
        "facts": _differing(facts),
        "outcome": _differing(outcome),
        "metrics": list(dict.fromkeys(name for one in logs for name in one.names(one.speaker))),
    }


def _facts(config: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of which no setting has the name, such as `device` and not `objective`."""
    return {name: value for name, value in facts.items() if config.get(name) == value}


def _settings(config: Mapping[str, Any], facts: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The config without facts, and without what merely calls the run by its name, in which no two are alike."""
    return {key: value for key, value in config.items() if key not in facts and (key, value) != ("name", name)}


def _total(logs: History) -> int | None:
    """The tokens of all steps together; None where none were counted."""
    _, tokens = logs.scalar("tokens")
    return int(tokens.sum()) if len(tokens) else None


def _differing(values: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The entries in which not all are alike, with the value of each.

    What has parts in some of them alone stays whole.
    """
    rows = [dict(flat(numbered(one))) for one in values]
    for name in [name for row in rows for name in row]:
        if any(other.startswith(f"{name}.") for row in rows for other in row):
            rows = [_joined(row, one, name) for row, one in zip(rows, values, strict=True)]
    names = dict.fromkeys(name for row in rows for name in row)
    found = {name: [row.get(name) for row in rows] for name in names}
    return {name: values for name, values in found.items() if any(value != values[0] for value in values[1:])}


def _joined(row: Row, value: Mapping[str, Any], name: str) -> Row:
    """The row with the entry `name` of the mapping that it is of in one piece, in place of its parts."""
    found: Any = value
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return {**{other: part for other, part in row.items() if not other.startswith(f"{name}.")}, name: found}


def numbered(value: Any) -> Any:
    """Lists of mappings as mappings by number, so that what differs in one of them has a name (`data.train.0.path`)."""
    if isinstance(value, Mapping):
        return {name: numbered(part) for name, part in value.items()}
    if isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        return {str(number): numbered(part) for number, part in enumerate(value)}
    return value


def _number(value: Any) -> Any:
    """NaN and infinities as they were before they were JSON."""
    return _NUMBERS.get(value, value) if isinstance(value, str) else value


def _rank(value: Any) -> tuple[int, float, str] | None:
    if isinstance(value, int | float):
        return None if math.isnan(value) else (0, float(value), "")
    return None if value is None else (1, 0.0, str(value))
