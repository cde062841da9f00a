"""W&B's offline runs: `run-<id>.wandb`, LevelDB's framing around protobuf records (wandb_internal.proto of 0.31)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whet.base.protobuf import fields, raw, signed, text
from whet.track.imports.foreign import End, Foreign, Numbers, Record, Said, Thing, beside, sorted_values, step_of
from whet.track.imports.leveldb import records
from whet.track.imports.messages import held, items_of, one_of, parts_of, start_of
from whet.track.imports.prints import print_of

TRACKER = "wandb"
# Fields of `Record`.
_HISTORY, _SUMMARY, _CONFIG, _RUN, _EXIT = 2, 3, 5, 17, 18
# Fields of `RunRecord` and what they are of a run of ours.
_ABOUT = {3: "project", 2: "entity", 6: "group", 7: "job_type", 8: "name", 9: "notes"}
# Types of W&B's media, and ours.
_KINDS = {
    "image-file": "image", "audio-file": "audio", "video-file": "video", "html-file": "html", "table-file": "table",
    "object3D-file": "object3d",
}  # fmt: skip


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """The run of each `.wandb` file."""
    for path in files:
        if path.suffix == ".wandb":
            data = path.read_bytes()
            if data[:4] == b":W&B":
                yield _run(path, data)


def _run(path: Path, data: bytes) -> Foreign:
    notes: list[str] = []
    found = list(held(records(data, notes), notes))
    first = parts_of(next((value for number, value in found if number == _RUN), b""), notes)
    known = dict(first)
    run_id = text(known.get(1, b"")) or path.stem.removeprefix("run-")
    about: dict[str, Any] = {name: text(known[number]) for number, name in _ABOUT.items() if known.get(number)}
    tags = [text(value) for number, value in first if number == 10]
    name = about.pop("name", "") or run_id
    started = start_of(known.get(17, b""), path, notes)
    key = "/".join((about.get("entity", ""), about.get("project", ""), run_id))
    about = {**about, **({"tags": tags} if tags else {})}
    return Foreign(TRACKER, key, name, print_of([path]), started, about, _records(found, path, started, notes), notes)


def _records(found: list[tuple[int, bytes]], path: Path, started: float, notes: list[str]) -> Iterator[Record]:
    last, row = started, 0
    for number, value in found:
        try:
            if number == _RUN:
                yield from _config(raw(one_of(value).get(4, b"")), started)
            elif number == _CONFIG:
                yield from _config(value, last)
            elif number == _SUMMARY:
                summary = _items(value, 1)
                own = {
                    name: entry for name, entry in summary.items() if not name.startswith("_") and not _is_media(entry)
                }
                if own:
                    yield Said(last, row, "summary", {"values": own})
            elif number == _HISTORY:
                values = _items(value, 1)
                last = float(values.pop("_timestamp", last))
                row = step_of(values.pop("_step", signed(one_of(raw(one_of(value).get(2, b""))).get(1, row))))
                yield from _row(last, row, values, path.parent / "files")
                row += 1
            elif number == _EXIT:
                code = signed(one_of(value).get(1, 0))
                yield End(last, "done" if code == 0 else "failed", f"exit code {code}" if code else "")
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            notes.append(f"a record of row {row} cannot be read: {type(error).__name__}")


def _config(data: bytes, moment: float) -> Iterator[Record]:
    config, removed = _items(data, 1), _items(data, 2)
    values = {name: value for name, value in config.items() if not name.startswith("_wandb") and name not in removed}
    if values:
        yield Said(moment, 0, "config", {"values": values})


def _items(data: bytes, wanted: int) -> dict[str, Any]:
    """Names and values of the items of a message; nested keys make mappings within mappings."""
    found: dict[str, Any] = {}
    for item in items_of(data, wanted):
        one = one_of(item)
        keys = [text(one[1])] if one.get(1) else [text(value) for number, value in fields(item) if number == 2]
        try:
            value = json.loads(text(one.get(16, b"null")))
        except (ValueError, RecursionError):
            value = text(one.get(16, b""))
        place = found
        for key in keys[:-1]:
            inner = place.setdefault(key, {})
            place = inner if isinstance(inner, dict) else place.setdefault(f"{key}.", {})
        if keys:
            place[keys[-1]] = value
    return found


def _row(moment: float, step: int, values: Mapping[str, Any], files: Path) -> Iterator[Record]:
    values = {name: value for name, value in values.items() if not name.startswith("_")}
    numbers, others = sorted_values(values)
    if numbers:
        yield Numbers(moment, step, numbers)
    rest: dict[str, Any] = {}
    for name, value in others.items():
        things = list(_things(moment, step, name, value, files)) if isinstance(value, Mapping) else []
        yield from things
        if not things:
            rest[name] = value
    if rest:
        yield Said(moment, step, "values", {"values": rest})


def _is_media(value: Any) -> bool:
    return isinstance(value, Mapping) and "_type" in value


def _things(moment: float, step: int, name: str, value: Mapping[str, Any], files: Path) -> Iterator[Thing]:
    kind = value.get("_type")
    if kind == "histogram" and {"values", "bins"} <= value.keys():
        yield Thing(moment, step, name, "histogram", None, about={"counts": value["values"], "edges": value["bins"]})
    elif kind == "images/separated":
        captions = value.get("captions") or []
        for place, path in enumerate(value.get("filenames") or ()):
            caption = captions[place] if isinstance(captions, list) and place < len(captions) else None
            if found := beside(files, path):
                yield Thing(moment, step, name, "image", found, about={"caption": caption} if caption else {})
    elif kind in _KINDS and (found := beside(files, value.get("path"))):
        caption = value.get("caption")
        yield Thing(moment, step, name, _KINDS[kind], found, about={"caption": caption} if caption else {})
