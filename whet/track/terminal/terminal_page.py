"""A run's page and the table of runs, as text for terminals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from whet.base.digests import text_digest
from whet.base.documents import field
from whet.base.errors import WhetError
from whet.base.sealed import read_sealed
from whet.base.units import duration, figure, size
from whet.track.logs.liveness import is_held
from whet.track.reading.read import Event, History
from whet.track.reading.store import Summary, history, summarize
from whet.track.script.described import described
from whet.track.terminal.curves import Glyphs, Series, draw, sparkline
from whet.track.terminal.progress import printable

_MAIN = ("loss", "grad_norm", "lr")
_HELD_OUT = "eval/"
NOTICES = ("notice", "checkpoint", "alert", "artifact")
_NUM_NOTICES, _NUM_GENERATIONS, _NUM_BREAKS = 8, 3, 3
DEPENDENCIES = "dependencies.json"
# Of runs that are compared: what tells which is better, then how each went; all else is of their last steps.
_FIRST, _HOW = ("loss", "eval/loss", "total_tokens", "duration_s"), ("status", "reason", "step", "tokens_per_s")


def show(
    folder: Path,
    *,
    width: int = 80,
    log: bool = False,
    glyphs: Glyphs = "braille",
    logs: History | None = None,
    longest: int | None = None,
) -> str:
    """A run's page: how it stands, its facts, curves, last figures, notices and generations.

    `log` draws the losses on a logarithmic axis. `logs` spares reading what was read before. Lines of text are cut at
    `longest` columns, by default at the `width` of what is drawn.
    """
    longest = longest or width
    logs = logs or history(folder)
    run = summarize(folder, logs)
    parts = [
        _header(run, logs),
        *_facts(logs, longest),
        _machine(folder, logs, longest),
        _depends_on(folder, longest),
        *_charts(logs, width, log, glyphs),
        _figures(logs, glyphs),
        _notices(logs, longest),
        _diagnoses(folder, logs, longest),
        _media(logs, longest),
        _generations(logs, longest),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def contents(folder: Path) -> dict[str, Any]:
    """All that the page is made from, for programs: summary, curves, events."""
    logs = history(folder)
    curves = {}
    for name in logs.names():
        steps, values = logs.scalar(name)
        if len(steps):  # others tell of the machine, of layers
            curves[name] = {"steps": steps.tolist(), "values": values.tolist()}
    return {
        "summary": summarize(folder, logs).to_dict(),
        "depends_on": _dependencies(folder),
        "curves": curves,
        "events": [asdict(event) for event in logs.events()],
    }


def table(runs: Sequence[Summary]) -> str:
    """One run a line, columns two blanks apart and none with two inside: `awk -F '  +'` reads them."""
    head = ("NAME", "STATUS", "STEP", "LOSS", "STARTED", "DURATION", "TOKENS/S")
    return align([head, *(_row(run) for run in runs)], right={2, 3, 5, 6})


def columns(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """These entries of each row, one row a line; `-` where a row has none."""
    cells = [[cell(_text(row[name])) if row.get(name) is not None else "-" for name in names] for row in rows]
    numeric = {
        place for place, name in enumerate(names) if all(isinstance(row.get(name), int | float | None) for row in rows)
    }
    return align([[printable(name).upper() for name in names], *cells], right=numeric)


def listing(rows: Sequence[Mapping[str, Any]], nothing: str, names: Sequence[str] = ()) -> str:
    """Rows in columns (by default all entries of the first), or what is said where there are none."""
    return columns(names or list(rows[0]), rows) if rows else nothing


def differences(found: Mapping[str, Any]) -> str:
    """What `rows.compared` has found, a line an entry and a column a run."""
    parts, outcome = [], found["outcome"]
    ends = [name for name in (*_FIRST, *_HOW) if name in outcome]
    for title, names, entries in (
        ("Config", list(found["config"]), found["config"]),
        ("Facts", list(found["facts"]), found["facts"]),
        ("Outcome", ends, outcome),
        ("Last step", [name for name in outcome if name not in ends], outcome),
    ):
        lines = [
            (f"  {printable(name)}", *("-" if one is None else _cut(_value(name, one), 40) for one in entries[name]))
            for name in names
        ]
        if lines:
            parts.append(align([(title, *map(printable, found["runs"])), *lines]))
    return "\n\n".join(parts) if parts else "nothing differs"


def _row(run: Summary) -> tuple[str, ...]:
    return (
        cell(run.name),
        run.status,
        _progress(run) or "-",
        "-" if run.loss is None else figure(run.loss),
        _when(run.started) if run.started else "-",
        duration(run.duration_s).replace(" ", "") if run.started else "-",
        "-" if run.tokens_per_s is None else figure(run.tokens_per_s),
    )


def _header(run: Summary, logs: History) -> str:
    words: list[str] = [run.status]
    if _progress(run):
        words.append(f"step {_progress(run)}")
    if run.started:
        words += [f"started {_when(run.started)}", f"ran {duration(run.duration_s)}"]
    if run.attempts > 1:
        words.append(f"{run.attempts} attempts")
    if len(logs.ranks) > 1:
        words.append(f"{len(logs.ranks)} ranks")
    lines = [f"{printable(run.name)}: {', '.join(words)}"]
    if run.status == "new" and (run.folder / "config.yaml").is_file() and not is_held(run.folder / "lock"):
        lines.append(f"  ended before its first step; `whet train {printable(run.name)}` begins it")
    if run.reason:
        lines.append(f"  {printable(run.reason)}")
    if logs.dropped:
        lines.append(f"  {logs.dropped} records could not be written")
    if logs.damaged:
        lines.append(f"  {logs.damaged} records are damaged and left out")
    for name, offset, num_bytes in logs.breaks[:_NUM_BREAKS]:
        lines.append(f"  {name} is broken at byte {offset}: {num_bytes} bytes are lost")
    if logs.newer:
        lines.append(
            f"  written by a newer whet ({', '.join(logs.newer)}): shown as far as this one knows it, read only"
        )
    return "\n".join(lines)


def _facts(logs: History, width: int) -> list[str]:
    """What the run said of itself: its project, name and tags; its config, or the facts of its training."""
    said = described(logs)
    parts = [("Run", said.about), ("Config", said.config)] if said.about else [("", said.config)]
    return [
        "\n".join([*([title] if title else []), align(rows)])
        for title, values in parts
        if (
            rows := [
                (f"  {printable(str(name))}", _cut(_value(str(name), value), width - 24))
                for name, value in values.items()
            ]
        )
    ]


def _machine(folder: Path, logs: History, width: int) -> str:
    """Where the run was last started, on which source code, and what it took of energy and money."""
    from whet.track.recorded.machine_reading import environments, spent

    last = environments(folder, logs)[-1:]
    rows = [(f"  {name}", _cut(printable(text), width - 24)) for told in last for name, text in _ran_on(told)]
    took = spent(folder, logs)
    if took.energy_j is not None:
        rows.append(("  energy", f"{figure(took.energy_j / 3.6e6)} kWh"))
    if took.cost is not None:
        rows.append(("  cost", figure(took.cost)))
    return "\n".join(["Machine", align(rows)]) if rows else ""


def _ran_on(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The few lines of an environment that people look for."""
    hardware, code = told.get("hardware") or {}, told.get("git") or {}
    yield "command", " ".join(map(str, told.get("command") or ()))
    yield "host", f"{told.get('host', '')}, {told.get('system', '')}, Python {told.get('python', '')}"
    count, memory = hardware.get("usable_processors"), hardware.get("memory_bytes")
    yield "processor", f"{hardware.get('cpu', '')}, {count} usable" + (f", {size(memory)}" if memory else "")
    if hardware.get("gpus"):
        yield "accelerators", ", ".join(map(str, hardware["gpus"]))
    if code:
        changed = ", changed since" if code.get("is_dirty") else ""
        yield "source code", f"{str(code.get('commit'))[:12]} ({code.get('branch')}){changed}"


def _dependencies(folder: Path) -> dict[str, Any]:
    """Place in the config -> path, and size and digest of its files; empty where none are recorded."""
    path = folder / DEPENDENCIES
    if not path.exists():
        return {}
    try:
        found = field(read_sealed(path), "depends_on", dict, at=str(path))
        return {place: _dependency(entry) for place, entry in found.items()}
    except (WhetError, LookupError, TypeError, ValueError):
        return {DEPENDENCIES: {"path": "is damaged, so that nothing of it is known", "files": {}}}


def _dependency(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Path and files, and of a version of the registry what it is called."""
    told = {"path": str(entry["path"]), "files": dict(entry["files"])}
    return {**told, "version": f"registry:{entry['version']}"} if "version" in entry else told


def _depends_on(folder: Path, width: int) -> str:
    """What lies outside of the run's folder and decides what it learns, with a digest of all its files."""
    rows = []
    for place, entry in _dependencies(folder).items():
        digests = [str(file.get("digest")) for file in entry["files"].values()]
        whole = digests[0] if len(digests) == 1 else text_digest("".join(digests))
        where = entry.get("version", entry["path"])
        rows.append((f"  {place}", whole[:12] if digests else "", _cut(where, max(20, width - 40))))
    return "\n".join(["Depends on", align(rows)]) if rows else ""


def _charts(logs: History, width: int, log: bool, glyphs: Glyphs) -> list[str]:
    """The training curves, each with its held-out twin, then the other held-out ones."""
    names = logs.names()
    charts = [(name, [name, _HELD_OUT + name]) for name in _MAIN]
    twins = {_HELD_OUT + name for name in (*_MAIN, "seconds")}
    charts += [(name, [name]) for name in names if name.startswith(_HELD_OUT) and name not in twins]
    drawn = []
    for title, wanted in charts:
        series = [Series(printable(name), *logs.curve(name).points()) for name in wanted if name in names]
        if series and max(len(one.steps) for one in series) > 1:
            is_log = log and "loss" in title
            heading = printable(title) + (" (log)" if is_log else "")
            height = 12 if title == "loss" else 6
            drawn.append(draw(series, title=heading, width=width, height=height, log=is_log, glyphs=glyphs))
    return drawn


def _figures(logs: History, glyphs: Glyphs) -> str:
    """Last, lowest and highest value of every curve."""
    import numpy as np

    rows = []
    for name in logs.names():
        _, values = logs.curve(name).points()
        if len(values):
            write = size if name.endswith("bytes") else figure
            finite = values[np.isfinite(values)] if np.isfinite(values).any() else values
            ends = (float(logs.recent(name)[-1]), float(finite.min()), float(finite.max()))
            rows.append((printable(name), *(write(value) for value in ends), sparkline(values, 16, glyphs=glyphs)))
    return align([("", "LAST", "LOWEST", "HIGHEST", ""), *rows], right={1, 2, 3}) if rows else ""


def _notices(logs: History, width: int) -> str:
    events = [event for event in logs.events() if event.kind in NOTICES]
    lines = [_cut(f"  step {event.step}  {notice(event)}", width) for event in events[-_NUM_NOTICES:]]
    left_out = [f"  ({len(events) - _NUM_NOTICES} earlier ones)"] if len(events) > _NUM_NOTICES else []
    return "\n".join(["Notices", *left_out, *lines]) if lines else ""


def _diagnoses(folder: Path, logs: History, width: int) -> str:
    """What rules find in a run that is over."""
    from whet.track.diagnosis.diagnose import briefly

    lines = [_cut(f"  {printable(line)}", width) for line in briefly(folder, logs)]
    return "\n".join([f"Diagnosis (whet diagnose {printable(folder.resolve().name)})", *lines]) if lines else ""


def notice(event: Event) -> str:
    """What a notice, a checkpoint, an alert or an artifact says, in a line."""
    said = {name: printable(str(value)) for name, value in event.payload.items()}
    match event.kind:
        case "checkpoint":
            return f"checkpoint {said.get('path', '')}"
        case "alert":
            return f"alert {said.get('level', '')}: {said.get('title', '')}: {said.get('text', '')}"
        case "artifact":
            verb = "uses" if said.get("direction") == "input" else "keeps"
            return f"{verb} artifact {said.get('name', '')}:{said.get('version', '')} ({said.get('type', '')})"
    return f"{said.get('level', 'info')}: {said.get('text', '')}"


def _media(logs: History, width: int) -> str:
    """Under each name what was logged there last, and how often."""
    newest: dict[str, tuple[int, Event]] = {}
    for event in logs.events("media"):
        name = str(event.payload.get("name"))
        newest[name] = newest.get(name, (0, event))[0] + 1, event
    lines = []
    for name, (count, event) in newest.items():
        entries = event.payload.get("entries") or [{}]
        what = entries[0].get("path") or entries[0].get("text") or ""
        lines.append(f"  step {event.step}  {printable(name)} ({count} x {entries[0].get('type')})  {printable(what)}")
    return "\n".join(["Media", *(_cut(line, width) for line in lines)]) if lines else ""


def _generations(logs: History, width: int) -> str:
    lines = []
    for event in logs.events("generation")[-_NUM_GENERATIONS:]:
        prompt, text = (_text(event.payload.get(key, "")) for key in ("prompt", "text"))
        lines += [_cut(f"  step {event.step}  {prompt}", width), _cut(f"    -> {text}", width)]
    return "\n".join(["Generations", *lines]) if lines else ""


def _progress(run: Summary) -> str:
    if run.step is None:
        return ""
    return f"{run.step}/{run.total}" if run.total is not None else str(run.step)


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment).isoformat(timespec="minutes")


def _value(name: str, value: object) -> str:
    """A value as its name says: bytes as sizes, spans of time, and counts with commas."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name.endswith("bytes"):
            return size(value)
        if name.endswith("duration_s"):
            return duration(value)
        if isinstance(value, int) and abs(value) >= 10_000:
            return f"{value:,}"
    return _text(value)


def _text(value: object) -> str:
    return figure(value) if isinstance(value, float) else printable(str(value))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def cell(text: str) -> str:
    """A text as it stands in a table: in one line, without two blanks side by side."""
    return " ".join(printable(text).split()) or "-"


def align(rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    """Columns side by side, two blanks apart; those in `right` end flush."""
    rows, right = list(rows), set(right)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
