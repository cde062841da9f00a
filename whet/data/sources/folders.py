"""Folders: which of their files are data. Tables before texts, the train split before the others, nothing hidden."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from whet.base.errors import DataError
from whet.data.sources.opened import ending
from whet.data.sources.readers import TABLES, is_readable

_TRAIN = ("train", "training")
_HELD_OUT = ("test", "testing", "validation", "valid", "val", "dev", "eval", "evaluation", "heldout", "held_out")
# What tools keep beside data: caches, and descriptions of the tables.
_CACHES = ("__pycache__", "__MACOSX", "node_modules", "_temporary")
_DESCRIPTIONS = (
    "dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json", "dataset-metadata.json",
    "croissant.json", "package.json", "package-lock.json",
)  # fmt: skip
_ABOUT = re.compile(
    r"(readme|licen[sc]e|copying|notice|citation|changelog|contributing|authors|dataset_?card)\b", re.IGNORECASE
)
_MOST_ENTRIES, _MOST_DEEP, _MOST_S, _SAY_EVERY_S = 200_000, 100, 30.0, 2.0
_MOST_NAMES = 6


@dataclass(slots=True)
class Found:
    """The data files of a folder in sorted order, and what was left out of it: names by reason."""

    root: Path
    files: list[Path]
    left: dict[str, list[str]] = field(default_factory=dict)

    def leave(self, reason: str, path: Path) -> None:
        self.left.setdefault(reason, []).append(str(path.relative_to(self.root)))

    def __str__(self) -> str:
        names = [str(path.relative_to(self.root)) for path in self.files]
        taken = f"{len(names):,} file{'' if len(names) == 1 else 's'} taken ({_few(names)})"
        left = "; ".join(f"{reason}: {_few(sorted(names))}" for reason, names in self.left.items())
        return f"{taken}; left out: {left}" if left else taken


def data_files(root: Path, split: str | None = None) -> Found:
    """The files of a folder that are read.

    Where it holds tables, its texts describe them and are left out; of texts alone, a read-me and a licence beside
    `.txt` files. `split` keeps the files of one split; without it those of others than `train` are left out, where
    both are there.
    """
    found = Found(root, [])
    for path in _walk(root, found):
        if path.name in _DESCRIPTIONS or (path.suffix == ".arrow" and path.name.startswith(("cache-", "tmp"))):
            found.leave("descriptions and caches", path)
        elif not is_readable(path):
            found.leave("no data", path)
        else:
            found.files.append(path)
    if any(ending(path) in TABLES for path in found.files):
        _leave(found, "texts beside tables", lambda path: ending(path) not in TABLES)
    elif any(ending(path) == ".txt" and not _ABOUT.match(path.name) for path in found.files) and all(
        ending(path) in (".txt", ".md") or not ending(path) for path in found.files
    ):
        _leave(found, "about the texts", lambda path: bool(_ABOUT.match(path.name)))
    if split is not None:
        _leave(found, f"not of split `{split}`", lambda path: not _in_split(path.relative_to(root), split))
    elif any(_is_of(path.relative_to(root), _TRAIN) for path in found.files):
        _leave(found, "other splits (`split: NAME` takes one)", lambda path: _is_of(path.relative_to(root), _HELD_OUT))
    _refuse_twins(found)
    return found


def _leave(found: Found, reason: str, is_left: object) -> None:
    assert callable(is_left)
    kept = []
    for path in found.files:
        if is_left(path):
            found.leave(reason, path)
        else:
            kept.append(path)
    found.files = kept


def _refuse_twins(found: Found) -> None:
    """Raise DataError for tables of one name in two forms: the same rows would be read twice."""
    known: dict[Path, Path] = {}
    for path in found.files:
        stem = path.with_name(path.name.split(".")[0])
        other = known.setdefault(stem, path)
        if ending(other) != ending(path) and ending(path) in TABLES and ending(other) in TABLES:
            raise DataError(
                f"`{other.name}` and `{path.name}` have one name: the same rows would be read twice",
                at=str(path.parent),
                hint=f"name the file that is meant: {path}",
            )


def _is_of(relative: Path, splits: tuple[str, ...]) -> bool:
    if ending(relative) not in (*TABLES, ".txt"):
        return False
    return any(_in_split(Path(str(relative).lower()), split) for split in splits)


def _in_split(relative: Path, split: str) -> bool:
    """Whether a file lies in a folder of the split's name, or has it at the beginning or the end of its own."""
    if any(part == split or part == f"split={split}" for part in relative.parts[:-1]):
        return True
    name, stem = re.escape(split), relative.name.split(".")[0]
    return re.match(rf"{name}([-_.]|$)", relative.name) is not None or re.search(rf"[-_]{name}$", stem) is not None


def _walk(root: Path, found: Found) -> Iterator[Path]:
    """Files in sorted order, without hidden ones; each folder once, however many links lead to it."""
    visited: set[str] = set()
    pace = _Pace(root)

    def walk(folder: str, depth: int) -> Iterator[Path]:
        if depth > _MOST_DEEP:
            raise pace.refusal(f"holds folders in folders, more than {_MOST_DEEP} of them")
        real = os.path.realpath(folder)
        if real in visited:
            found.leave("links to folders that are read already", Path(folder))
            return
        visited.add(real)
        for entry in sorted(_entries(folder), key=lambda entry: entry.name):
            pace.step()
            if entry.name.startswith(".") or entry.name in _CACHES:
                continue
            if entry.is_dir():
                yield from walk(entry.path, depth + 1)
            elif entry.is_file():
                yield Path(entry.path)
            else:
                found.leave("no files (links to nothing, pipes, devices)", Path(entry.path))

    yield from walk(str(root), 0)


class _Pace:
    """Says how far a walk is, and ends one that is too long for any folder of data."""

    def __init__(self, root: Path) -> None:
        self._root, self._count = root, 0
        self._began = self._said = time.monotonic()

    def step(self) -> None:
        self._count += 1
        now = time.monotonic()
        if self._count > _MOST_ENTRIES:
            raise self.refusal(f"holds more than {_MOST_ENTRIES:,} files and folders")
        if now - self._began > _MOST_S:
            seen = f"{self._count:,} files and folders so far"
            raise self.refusal(f"takes more than {_MOST_S:g} seconds to look through ({seen})")
        if now - self._said > _SAY_EVERY_S:
            self._said = now
            print(f"looking through {self._root}: {self._count:,} files and folders", file=sys.stderr, flush=True)

    def refusal(self, what: str) -> DataError:
        hint = "name the folder of the data itself; many small files are read faster as one .jsonl"
        return DataError(f"the folder {what}", at=str(self._root), hint=hint)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(islice(entries, _MOST_ENTRIES + 1))
    except OSError as error:
        raise DataError(
            f"the folder {folder} cannot be read: {error.strerror}", at=folder, hint=f"ls -ld {folder}"
        ) from None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
