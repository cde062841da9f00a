"""Sources of rows: what the config may write under `data`, and reading, counting and fingerprinting it."""

from __future__ import annotations

import difflib
import hashlib
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePath
from typing import Any

from whet.base import digests
from whet.base.errors import ConfigError, DataError
from whet.base.paths import user_path
from whet.data.sources.folders import data_files
from whet.data.sources.hub import hub_fingerprint, hub_rows, num_hub_rows
from whet.data.sources.opened import COMPRESSED
from whet.data.sources.readers import TABLES, count_file, is_readable, read_file

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")
_SAMPLES = re.compile(r"(.+)#([\d_]+)")
# What is hashed whole, and how many files of what is larger are looked into.
_WHOLE_BYTES, _SAMPLED_FILES = 2**30, 64


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of `data`: a file, a folder, or a data set of the Hugging Face hub.

    `path` is absolute, or `org/name` when `is_hub` (with an optional `subset`). `name` is what
    messages call it. `samples` asks for a seeded choice of that many rows; `weight` is the share
    in a mixture; `columns` maps the column a format wants to the one the file has; `lines` makes
    every line of a text file a row.
    """

    path: str
    name: str
    is_hub: bool = False
    subset: str | None = None
    samples: int | None = None
    weight: float = 1.0
    format: str | None = None
    split: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict, hash=False)
    lines: bool = False

    @classmethod
    def parse(cls, value: str | Mapping[str, Any], base: Path) -> Source:
        """A source from the config's words: `path#5000`, `org/name:subset`, or a mapping of the fields.

        Paths are relative to `base`. Raises ConfigError for a value that cannot be meant, DataError for a missing file.
        """
        given = {"path": value} if isinstance(value, str) else value
        entry: dict[str, Any] = {key: setting for key, setting in given.items() if setting is not None}
        _check_entry(entry)
        if entry.get("format") == "auto":
            del entry["format"]
        written = str(entry.pop("path"))
        match = _SAMPLES.fullmatch(written)
        if match and not _exists(base / user_path(written, at="data")):
            if "samples" in entry:
                raise ConfigError(f"`{written}` names a number of samples twice", hint=f"path: {match[1]}")
            written, entry["samples"] = match[1], int(match[2])
        if not isinstance(entry.get("samples", 1), int) or entry.get("samples", 1) < 1:
            said = f"`samples` of `{written}` is {entry['samples']!r}, not a positive number"
            raise ConfigError(said, hint="samples: 1000")
        return cls(**{"name": written, **_locate(written, base), **entry})


def read_rows(source: Source, *, seed: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row number from 0, row) lazily; rows of jsonl, csv and parquet are never all in memory.

    With `samples`, the rows chosen by `seed` in the order of the file, under their own numbers. Raises DataError.
    """
    chosen = _choice(source, seed)
    number = -1
    for number, row in enumerate(_all_rows(source)):
        if chosen is None or number in chosen:
            yield number, _rename(row, source, number)
    if number < 0:
        raise DataError(f"{source.name} has no rows", at=source.path, hint="a file with rows in it")


def count_rows(source: Source) -> int:
    """The number of rows in the source, before `samples`. Reads the file, but parses no jsonl and no parquet."""
    if source.is_hub:
        return num_hub_rows(source.path, source.subset, source.split)
    as_text = source.format == "text"
    return sum(count_file(path, lines=source.lines, as_text=as_text) for path in source_files(source))


def fingerprint(source: Source) -> str:
    """A hash that changes with the rows: paths, sizes and times of the files, and the settings that shape rows."""
    digest = hashlib.sha256(_shape(source).encode())
    if source.is_hub:
        digest.update(hub_fingerprint(source.path, source.subset, source.split).encode())
    else:
        for path in source_files(source):
            stat = path.stat()
            digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:32]


def _shape(source: Source) -> str:
    return repr((source.samples, source.format, source.split, sorted(source.columns.items()), source.lines))


def content_digest(source: Source) -> str:
    """A hash that changes with the rows, whatever the files' times say; of more than 1 GiB, times and samples count."""
    digest = hashlib.sha256(_shape(source).encode())
    if source.is_hub:
        digest.update(hub_fingerprint(source.path, source.subset, source.split).encode())
        return digest.hexdigest()[:32]
    files = source_files(source)
    limit = whole_bytes(files)
    for number, path in enumerate(files):
        is_whole, is_sampled = limit > 0, number % -(-len(files) // _SAMPLED_FILES) == 0
        told = [str(path), str(path.stat().st_size)]
        told += [] if is_whole else [str(path.stat().st_mtime_ns)]
        told += [digests.fingerprint(path, limit)] if is_whole or is_sampled else []
        digest.update("\0".join([*told, ""]).encode())
    return digest.hexdigest()[:32]


def whole_bytes(files: Sequence[Path]) -> int:
    """Bytes up to which each of the files is hashed whole: all of them, unless they have more than 1 GiB together."""
    total = sum(path.stat().st_size for path in files)
    return total if total <= _WHOLE_BYTES else 0


def source_files(source: Source) -> list[Path]:
    """The files of a local source: itself, or those of a folder that are data, in sorted order."""
    root = Path(source.path)
    if not _exists(root):
        raise _missing(source.name, root)
    if root.is_file():
        if source.split is not None:
            raise DataError(
                f"`split: {source.split}` does nothing for the file {source.name}", hint="leave `split` out"
            )
        return [root]
    if not root.is_dir():
        raise DataError(
            f"{source.name} is neither a file nor a folder", at=str(root), hint="write what it gives into a file first"
        )
    if (root / "config.json").is_file() and any(root.glob("*.safetensors")):
        raise DataError(
            f"the folder {source.name} is a model's, and holds no data", at=str(root), hint=f"--model {source.name}"
        )
    found = data_files(root, source.split)
    if not found.files:
        part = f" of split `{source.split}`" if source.split else ""
        left = "; ".join(f"{reason}: {', '.join(names[:6])}" for reason, names in found.left.items())
        raise DataError(
            f"the folder {source.name} holds no data files{part}",
            at=str(root),
            hint=f"data files end with {', '.join(TABLES)} or .txt" + (f"; it has {left}" if left else ""),
        )
    return found.files


def about_files(source: Source) -> str | None:
    """What of a folder is read and what is left out, in words; None for anything else."""
    root = Path(source.path)
    return str(data_files(root, source.split)) if not source.is_hub and root.is_dir() else None


def _check_entry(entry: Mapping[str, Any]) -> None:
    known = ["path", "name", "samples", "weight", "format", "split", "columns", "lines"]
    for key in entry:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"a source takes {', '.join(known)}"
            raise ConfigError(f"unknown key `{key}` in a data source", hint=hint)
    if not entry.get("path"):
        raise ConfigError("a data source has no `path`", hint="path: chat.jsonl")
    weight = entry.get("weight", 1.0)
    if not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise ConfigError(f"`weight` of `{entry['path']}` is {weight!r}, not a positive number", hint="weight: 1.0")


def _locate(written: str, base: Path) -> dict[str, Any]:
    local = base / user_path(written, at="data")
    if _exists(local):
        return {"path": str(local.resolve())}
    looks_local = (
        Path(written).suffix in COMPRESSED or is_readable(Path(written)) or written.startswith((".", "/", "~"))
    )
    # `org/name` is a hub id unless the folder `org` is here: then the file in it is what is missing.
    if looks_local or not _HUB_ID.fullmatch(written) or local.parent.is_dir():
        raise _missing(written, local)
    name, _, subset = written.partition(":")
    return {"path": name, "is_hub": True, "subset": subset or None}


def _exists(path: Path) -> bool:
    """Raises DataError where the system does not even say that."""
    try:
        return path.exists()
    except OSError as error:
        raise DataError(f"{path} cannot be looked at: {error.strerror}", at="data", hint=f"ls -ld {path}") from None


def _missing(written: str, path: Path) -> DataError:
    if path.is_symlink():
        return DataError(f"{written} is a link that leads to no file", at=str(path), hint=f"ls -l {path}")
    siblings = sorted(islice((p.name for p in path.parent.iterdir()), 1000)) if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    if near:
        hint = f"did you mean `{Path(written).with_name(near[0])}`?"
    elif not path.parent.is_dir():
        hint = f"the folder {path.parent} does not exist"
    else:
        hint = f"{path.parent} holds {', '.join(siblings[:8]) or 'nothing'}"
    return DataError(f"the data file {written} does not exist", at=str(path), hint=hint)


def _all_rows(source: Source) -> Iterator[dict[str, Any]]:
    if source.is_hub:
        yield from hub_rows(source.path, source.subset, source.split)
        return
    for path in source_files(source):
        yield from read_file(path, lines=source.lines, as_text=source.format == "text")


def _choice(source: Source, seed: int) -> frozenset[int] | None:
    if source.samples is None:
        return None
    count = count_rows(source)
    if source.samples > count:
        raise DataError(
            f"{source.name} has {count} rows, fewer than the {source.samples} samples asked for",
            hint=f"leave the number out to take all {count}",
        )
    name = PurePath(source.name).name  # the rows are the same ones wherever the folder lies
    return frozenset(random.Random(f"{seed}:{name}").sample(range(count), source.samples))


def _rename(row: dict[str, Any], source: Source, number: int) -> dict[str, Any]:
    if not source.columns:
        return row
    for wanted, existing in source.columns.items():
        if existing not in row:
            near = difflib.get_close_matches(existing, list(row), n=1)
            raise DataError(
                f"{source.name} has no column `{existing}`; it has {', '.join(row)}",
                at=f"{source.name} row {number}",
                hint=f"did you mean `{near[0]}`?" if near else f"columns: {{{wanted}: {next(iter(row), wanted)}}}",
            )
    taken = set(source.columns.values())
    return {wanted: row[existing] for wanted, existing in source.columns.items()} | {
        name: value for name, value in row.items() if name not in taken and name not in source.columns
    }
