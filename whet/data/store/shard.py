"""Shards: a sample table in a folder, written once, complete or not there at all, and mapped into memory."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from whet.base.documents import parse_json
from whet.base.errors import DataError, RunError, WhetError
from whet.base.sealed import damage, described, read_sealed, sealed
from whet.data.store.codec import FIELD, STREAM, VALUE
from whet.data.store.ledger import Entry, read_ledger, to_line
from whet.data.store.table import OPTIONAL, UNNAMED, SampleTable, plain

FACTS, _LEDGER = "facts.json", "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Shard:
    """A complete shard: its samples, mapped into memory, and facts about them, among them their `hash`."""

    folder: Path
    table: SampleTable
    facts: Mapping[str, Any]

    def entries(self) -> list[Entry]:
        """The rows of the source that did not come through whole."""
        return read_ledger(self.folder / _LEDGER)


def read_shard(folder: Path) -> Shard | None:
    """The shard in `folder`; None where there is no complete one. Raises DataError where it is damaged.

    Every file is compared with its digest, once for as long as nothing touches it.
    """
    if not os.path.lexists(folder / FACTS):
        return None
    try:
        facts = read_sealed(folder / FACTS)
        if found := _verified(folder, tuple(sorted(facts["files"])), _stamp(folder, facts["files"])):
            raise DataError(found, at=str(folder))
        return _opened(folder, facts)
    except WhetError as error:
        raise DataError(error.message, at=str(folder)) from None
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise DataError(f"`{FACTS}` describes no samples ({error})", at=str(folder)) from None


@lru_cache(maxsize=4096)
def _verified(folder: Path, names: tuple[str, ...], stamp: tuple[Any, ...]) -> str | None:
    return damage(folder, read_sealed(folder / FACTS)["files"])


def _stamp(folder: Path, names: Mapping[str, Any]) -> tuple[Any, ...]:
    """What changes when a file is written: nobody sets the time of its inode."""
    stats = [(folder / name).stat() for name in names if (folder / name).exists()]
    return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats)


def _opened(folder: Path, facts: Mapping[str, Any]) -> Shard:
    columns = {name: _mapped(folder / name, **shape) for name, shape in facts["columns"].items()}
    return Shard(
        folder, SampleTable(columns), {k: v for k, v in facts.items() if k not in ("columns", "files", "digest")}
    )


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to write into a RunError."""
    try:
        yield
    except TimeoutError:  # of a lock; an OSError as well
        raise
    except OSError as error:
        raise RunError(
            f"the token store cannot be written: {error.strerror or error}",
            at=str(folder),
            hint="free some space, or keep it elsewhere: export WHET_CACHE=/tmp/whet",
        ) from error


class ShardWriter:
    """Appends tables to files in a folder that `commit` renames to its final place.

    Whoever writes holds the lock of the shard, so a partial folder that lies there was left by a
    killed process, and is removed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._part = folder, folder.with_name(f"{folder.name}.partial")
        self._fields: list[str] | None = None
        with writing(folder):
            shutil.rmtree(self._part, ignore_errors=True)
            self._part.mkdir(parents=True)
            self._ledger = (self._part / _LEDGER).open("w", encoding="ascii")
            nothing = SampleTable.of([])
            self._columns = {n: self._column(n, c.dtype) for n, c in nothing.columns.items() if n not in UNNAMED}
            self._append(nothing)

    def append(self, table: SampleTable, entries: Sequence[Entry] = ()) -> None:
        """Add samples after those that are there. Raises DataError when their fields differ from theirs."""
        with writing(self._folder):
            self._ledger.writelines(map(to_line, entries))
            if len(table):
                self._open_fields(table)
                self._append(table)

    def commit(self, facts: Mapping[str, Any]) -> Shard:
        """Flush to disk and put the shard in its place, with `facts` and a hash of the samples beside it."""
        with writing(self._folder):
            _sync(self._ledger)
            self._ledger.close()
            self._leave_out()
            digest = hashlib.sha256()
            for name, column in sorted(self._columns.items()):
                digest.update(f"{name} {column.dtype} {column.shape} ".encode())
                column.close(digest)
            columns = {name: {"dtype": c.dtype.str, "shape": c.shape} for name, c in self._columns.items()}
            files = described([self._part / _LEDGER, *(self._part / name for name in columns)])
            text = sealed({"columns": columns, "hash": digest.hexdigest()[:32], **facts, "files": files})
            with (self._part / FACTS).open("w", encoding="utf-8") as file:
                file.write(text)
                _sync(file)
            os.rename(self._part, self._folder)
            return _opened(self._folder, parse_json(text, at=str(self._folder)))

    def abandon(self) -> None:
        """Remove what is written and not committed."""
        for file in (self._ledger, *(column.file for column in self._columns.values())):
            file.close()
        shutil.rmtree(self._part, ignore_errors=True)

    def _open_fields(self, table: SampleTable) -> None:
        own = (name for name in table.columns if name.startswith((FIELD, VALUE, STREAM)))
        names = sorted(name for name in own if plain(name) not in UNNAMED)
        if self._fields is None:
            new = {name: self._column(name, table.columns[name].dtype) for name in names}
            self._fields, self._columns = names, self._columns | new
        if self._fields != names:
            first = table.columns["rows"][0]
            raise DataError(
                f"the rows from {first} on have the fields {_list(names)}, those before them {_list(self._fields)}",
                hint="all rows need the same columns",
            )

    def _append(self, table: SampleTable) -> None:
        for name, column in self._columns.items():
            values = table.columns[name]
            if column.counts and column.shape[0]:
                values = values[1:] + column.last
            column.append(values)

    def _column(self, name: str, dtype: np.dtype) -> _Column:
        return _Column(self._part / name, dtype, plain(name))

    def _leave_out(self) -> None:
        """Drop the columns of what no sample has."""
        for name in [name for name, column in self._columns.items() if plain(name) in OPTIONAL and not column.shape[0]]:
            for unused in (name, name.removesuffix(plain(name)) + OPTIONAL[plain(name)]):
                column = self._columns.pop(unused)
                column.file.close()
                column.path.unlink()


class _Column:
    """One file of numbers. Its type widens when values come that the narrower one cannot hold.

    `counts` says that they are places in another file, which go on from one table to the next.
    """

    def __init__(self, path: Path, dtype: np.dtype, kind: str) -> None:
        self.path, self.shape, self.last = path, (0,), 0
        self._holds_ids, self.counts = kind == "ids", kind.endswith("starts") and "." not in kind
        self.dtype = np.dtype(np.uint16) if self._holds_ids else dtype
        self.file = path.open("w+b")

    def append(self, values: np.ndarray) -> None:
        if self._holds_ids and values.size and values.max() > np.iinfo(np.uint16).max:
            self._widen(np.dtype(np.int32))
        elif self.dtype.kind == "i" and values.dtype.kind == "f":
            self._widen(values.dtype)
        values = np.ascontiguousarray(values, self.dtype)
        if self.shape[0] and self.shape[1:] != values.shape[1:]:
            name = self.path.name.removeprefix(FIELD).removeprefix(VALUE)
            raise DataError(
                f"rows have `{name}` of shape {values.shape[1:]} and of {self.shape[1:]}",
                hint="the same number of values in every row",
            )
        self.shape = (self.shape[0] + len(values), *values.shape[1:])
        self.last = values.flat[-1] if values.size else self.last
        self.file.write(values.data)

    def close(self, digest: hashlib._Hash) -> None:
        _sync(self.file)
        self.file.seek(0)
        while block := self.file.read(1 << 20):
            digest.update(block)
        self.file.close()

    def _widen(self, dtype: np.dtype) -> None:
        if self.dtype == dtype:
            return
        self.file.seek(0)
        known = np.frombuffer(self.file.read(), self.dtype).astype(dtype)
        self.file.seek(0)
        self.file.write(known.data)
        self.dtype = dtype


def _list(names: Sequence[str]) -> str:
    """The columns' own names, as a row has them."""
    return ", ".join(name.removeprefix(FIELD).removeprefix(VALUE) for name in names) or "none"


def _mapped(path: Path, dtype: str, shape: list[int]) -> np.ndarray:
    if np.dtype(dtype).kind not in "iufb":
        raise ValueError(f"{path.name} has the type {dtype}")
    if not np.prod(shape):  # an empty file cannot be mapped
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", shape=tuple(shape)).view(np.ndarray)  # slices of a memmap are slow


def _sync(file: IO[Any]) -> None:
    file.flush()
    os.fsync(file.fileno())
