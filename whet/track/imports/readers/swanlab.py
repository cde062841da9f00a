"""SwanLab's local and offline runs since 0.8: `run-<id>.swanlab`, LevelDB's framing around protobuf records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from whet.base.protobuf import Malformed, f64, raw, signed, text, whole
from whet.track.imports.foreign import End, Foreign, Numbers, Record, Said, Thing, beside
from whet.track.imports.leveldb import records
from whet.track.imports.messages import held, items_of, moment_of, one_of, parts_of, start_of
from whet.track.imports.prints import print_of
from whet.track.imports.yaml_files import mapping_of

TRACKER = "swanlab"
# Fields of `Record`.
_START, _FINISH, _SCALAR, _MEDIA = 10, 11, 13, 14
_ABOUT = {1: "project", 2: "entity", 5: "notes", 7: "group", 8: "job_type"}
# `ColumnType` -> the folder in `media/`, and what it is here.
_KINDS = {2: "image", 3: "audio", 4: "text", 5: "video", 6: "echarts", 7: "object3d", 8: "molecule", 9: "html"}
_OUTCOMES = {1: "done", 2: "failed", 3: "stopped"}
_MOST_TEXT = 1 << 20
_OLDER = b"\x01"


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """The run of each `.swanlab` file, but for those of the older form."""
    for path in files:
        if path.suffix == ".swanlab":
            data = path.read_bytes()
            if data[:4] == b":SWL" and data[6:7] != _OLDER:
                yield _run(path, data)


def _run(path: Path, data: bytes) -> Foreign:
    notes: list[str] = []
    if data[6:7] != b"\x02":
        notes.append(f"its format is {data[6:7].hex() or 'none'}, and 2 is known: read as far as it goes")
    found = [part for part in held(records(data, notes), notes) if part[0] >= _START]
    first = parts_of(next((value for number, value in found if number == _START), b""), notes)
    known = dict(first)
    run_id = text(known.get(10, b"")) or path.stem.removeprefix("run-")
    about: dict[str, Any] = {name: text(known[number]) for number, name in _ABOUT.items() if known.get(number)}
    tags = [text(value) for number, value in first if number == 6]
    started = start_of(known.get(12, b""), path, notes)
    name, key = text(known.get(4, b"")) or run_id, f"{about.get('project', '')}/{run_id}"
    about = {**about, **({"tags": tags} if tags else {})}
    return Foreign(
        TRACKER, key, name, print_of([path]), started, about, _records(found, path.parent, started, notes), notes
    )


def _records(found: list[tuple[int, bytes]], folder: Path, started: float, notes: list[str]) -> Iterator[Record]:
    config = config_of(folder / "files" / "config.yaml", notes)
    if config:
        yield Said(started, 0, "config", {"values": config})
    for number, value in found:
        try:
            if number == _SCALAR:
                yield _scalar(value)
            elif number == _MEDIA:
                yield from _things(value, folder / "media")
            elif number == _FINISH:
                one = one_of(value)
                outcome = _OUTCOMES.get(whole(one.get(1, 1)), "failed")
                yield End(moment_of(raw(one.get(3, b""))) or started, outcome, text(one.get(2, b""))[:300])
        except Malformed:
            notes.append("a record cannot be read")


def _scalar(data: bytes) -> Numbers:
    one = one_of(data)
    value = f64(one_of(raw(one.get(5, b""))).get(1, 0))
    return Numbers(moment_of(raw(one.get(4, b""))), signed(one.get(2, 0)), {text(one.get(1, b"")): value})


def _things(data: bytes, media: Path) -> Iterator[Thing]:
    one = one_of(data)
    kind = _KINDS.get(whole(one.get(3, 0)), "file")
    name, step, moment = text(one.get(1, b"")), signed(one.get(2, 0)), moment_of(raw(one.get(4, b"")))
    for item in items_of(raw(one.get(5, b"")), 1):
        about = one_of(item)
        path = f"{kind}/{text(about.get(1, b''))}"
        found = beside(media, path)
        caption = {"caption": text(about[4])} if about.get(4) else {}
        if found is not None and kind == "text" and found.stat().st_size <= _MOST_TEXT:
            words = found.read_text(encoding="utf-8", errors="replace")
            yield Thing(moment, step, name, kind, None, about={"text": words, **caption})
        elif found is not None:
            yield Thing(moment, step, name, kind, found, about=caption)


def config_of(path: Path, notes: list[str]) -> dict[str, Any]:
    """The config, whose entries have a `value` each."""
    if not path.is_file():
        return {}
    try:
        stated = mapping_of(path)
    except (OSError, ValueError) as error:
        notes.append(f"its config.yaml cannot be read: {error}")
        return {}
    return {name: one["value"] if isinstance(one, dict) and "value" in one else one for name, one in stated.items()}
