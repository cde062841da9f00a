"""TensorBoard's event files: record files of `Event` messages, a run for each folder that holds some.

Messages are those of tensorboard/compat/proto (event, summary, tensor, histogram) and plugins/hparams.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whet.base.protobuf import Malformed, Value, f32, f64, fields, raw, signed, text, varint, whole
from whet.track.imports.foreign import End, Foreign, Numbers, Record, Said, Thing
from whet.track.imports.messages import items_of, one_of
from whet.track.imports.prints import print_of
from whet.track.imports.tfrecords import records

TRACKER = "tensorboard"
_BIRTH_BYTES = 256
# `DataType` -> how its numbers lie in `tensor_content`, and the field that else holds them.
_FORMS = {1: ("f", 5), 2: ("d", 6), 3: ("i", 7), 9: ("q", 10), 10: ("?", 11)}
_HPARAMS = "_hparams_/session_start_info"


def runs(files: Iterable[Path], top: Path) -> Iterator[Foreign]:
    """A run for each folder with event files."""
    folders: dict[Path, list[Path]] = {}
    for path in files:
        if "tfevents" in path.name:
            folders.setdefault(path.parent, []).append(path)
    for folder, paths in folders.items():
        inside = folder.relative_to(top).as_posix() if folder.is_relative_to(top) else ""
        yield _run(inside if inside not in ("", ".") else folder.resolve().name, sorted(paths))


def _run(name: str, paths: list[Path]) -> Foreign:
    with paths[0].open("rb") as file:
        birth = file.read(_BIRTH_BYTES)
    key = hashlib.sha256(paths[0].name.encode(errors="replace") + birth).hexdigest()[:32]
    notes: list[str] = []
    first = next((moment for moment, _, _ in _events(paths[:1], [])), paths[0].stat().st_mtime)
    return Foreign(
        TRACKER, key, name, print_of(paths), first, {"project": "tensorboard"}, _records(paths, notes), notes
    )


def _events(paths: list[Path], notes: list[str]) -> Iterator[tuple[float, int, bytes]]:
    """Time, step and summary of each event of the files."""
    for path in paths:
        for data in records(path.read_bytes(), path.name, notes):
            try:
                event = one_of(data)
                yield f64(event.get(1, 0)), signed(event.get(2, 0)), raw(event.get(5, b""))
            except Malformed as error:
                notes.append(f"{path.name}: an event cannot be read: {error}")


def _records(paths: list[Path], notes: list[str]) -> Iterator[Record]:
    plugins: dict[str, str] = {}
    last = 0.0
    for moment, step, summary in _events(paths, notes):
        last = max(last, moment)
        numbers: dict[str, float] = {}
        try:
            for value in items_of(summary, 1):
                for record in _value(moment, step, value, plugins):
                    if not isinstance(record, Numbers) or record.values.keys() & numbers.keys():
                        yield record
                    else:
                        numbers.update(record.values)
        except (Malformed, struct.error, UnicodeDecodeError):
            notes.append(f"a summary of step {step} cannot be read")
        if numbers:
            yield Numbers(moment, step, numbers)
    yield End(last, "done", "event files do not tell how a run ended")


def _value(moment: float, step: int, data: bytes, plugins: dict[str, str]) -> Iterator[Record]:
    """What one value of a summary is here."""
    one = one_of(data)
    tag = text(one.get(1, b""))
    metadata = one_of(raw(one.get(9, b"")))
    plugin = one_of(raw(metadata.get(1, b"")))
    if 1 in plugin:
        plugins[tag] = text(plugin[1])
    if 2 in one:
        yield Numbers(moment, step, {tag: f32(one[2])})
    elif 4 in one:
        yield _picture(moment, step, tag, raw(one_of(raw(one[4])).get(4, b"")))
    elif 5 in one:
        yield _histogram(moment, step, tag, raw(one[5]))
    elif 6 in one:
        yield Thing(moment, step, tag, "audio", raw(one_of(raw(one[6])).get(4, b"")), ".wav")
    elif tag == _HPARAMS:
        yield Said(moment, 0, "config", {"values": _hparams(raw(plugin.get(2, b"")))})
    elif 8 in one:
        yield from _tensor(moment, step, tag, plugins.get(tag, ""), raw(one[8]))


def _tensor(moment: float, step: int, tag: str, plugin: str, data: bytes) -> Iterator[Record]:
    parts = list(fields(data))
    strings = [raw(value) for number, value in parts if number == 8]
    match plugin:
        case "images":
            for picture in strings[2:]:
                yield _picture(moment, step, tag, picture)
        case "audio":
            for sound in strings[::2]:
                yield Thing(moment, step, tag, "audio", sound, ".wav")
        case "text":
            for words in strings:
                yield Thing(moment, step, tag, "text", None, about={"text": words.decode("utf-8", errors="replace")})
        case "histograms":
            yield from _bins(moment, step, tag, _numbers(parts))
        case _:
            numbers = _numbers(parts)
            if len(numbers) == 1:
                yield Numbers(moment, step, {tag: numbers[0]})


def _numbers(parts: list[tuple[int, Value]]) -> list[float]:
    """The numbers of a TensorProto of one of the usual types; none of others."""
    one = dict(parts)
    form, own = _FORMS.get(whole(one.get(1, 0)), ("", 0))
    if not form:
        return []
    if 4 in one:
        return [float(v) for v in struct.unpack(f"<{len(raw(one[4])) // struct.calcsize(form)}{form}", raw(one[4]))]
    found: list[float] = []
    for number, value in parts:
        if number == own:
            found += _packed(form, value)
    return found


def _packed(form: str, value: Value) -> list[float]:
    if isinstance(value, int):
        return [{"f": f32, "d": f64}.get(form, lambda v: float(signed(v)))(value)]
    if form in "fd":
        return list(struct.unpack(f"<{len(value) // struct.calcsize(form)}{form}", value))
    found, place = [], 0
    while place < len(value):
        number, place = varint(value, place)
        found.append(float(signed(number)))
    return found


def _picture(moment: float, step: int, tag: str, data: bytes) -> Thing:
    suffix = {b"\x89PNG": ".png", b"\xff\xd8\xff\xe0": ".jpg", b"GIF8": ".gif"}.get(data[:4], ".bin")
    return Thing(moment, step, tag, "image", data, suffix)


def _histogram(moment: float, step: int, tag: str, data: bytes) -> Thing:
    """A HistogramProto: lowest number, and of each bucket its upper edge and its count."""
    parts = list(fields(data))
    lowest = f64(dict(parts).get(1, 0))
    edges = [v for number, value in parts if number == 6 for v in _packed("d", value)]
    counts = [v for number, value in parts if number == 7 for v in _packed("d", value)]
    low = min(lowest, edges[0]) if edges else lowest
    return Thing(moment, step, tag, "histogram", None, about={"counts": counts, "edges": [low, *edges]})


def _bins(moment: float, step: int, tag: str, numbers: list[float]) -> Iterator[Thing]:
    """A tensor (k, 3) of left edge, right edge and count."""
    rows = [numbers[place : place + 3] for place in range(0, len(numbers) - 2, 3)]
    if rows:
        edges = [rows[0][0], *(right for _, right, _ in rows)]
        about = {"counts": [count for _, _, count in rows], "edges": edges}
        yield Thing(moment, step, tag, "histogram", None, about=about)


def _hparams(data: bytes) -> Mapping[str, Any]:
    """The hyperparameters of an HParamsPluginData that starts a session."""
    found: dict[str, Any] = {}
    for pair in items_of(raw(one_of(data).get(3, b"")), 1):
        one = one_of(pair)
        value = one_of(raw(one.get(2, b"")))
        name = text(one.get(1, b""))
        if 2 in value:
            found[name] = f64(value[2])
        elif 3 in value:
            found[name] = text(value[3])
        elif 4 in value:
            found[name] = bool(whole(value[4]))
    return found
