"""Cache: shards by the name of their content; of several processes that want one, one builds it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.base.documents import field, read_object
from whet.base.errors import DataError, WhetError
from whet.data.store.shard import FACTS, Shard, ShardWriter, read_shard, writing


def default_cache() -> Path:
    """Where shards are kept: $WHET_CACHE, else ~/.cache/whet."""
    return Path(os.environ.get("WHET_CACHE") or "~/.cache/whet").expanduser()


def open_or_build(folder: Path, what: str, build: Callable[[ShardWriter], Mapping[str, Any]]) -> Shard:
    """The shard in `folder`, built first where it is missing: `build` writes it and returns its facts.

    A damaged one is told on stderr and built anew. When `build` raises, nothing is left behind. Raises RunError when
    the folder cannot be written.
    """
    found = _whole(folder, what)
    if found is not None:
        with contextlib.suppress(OSError):  # a cache that others may only read
            os.utime(folder / FACTS)  # when it was used last
        return found
    with _locked(folder, what):
        return _whole(folder, what, is_told=True) or _built(folder, build)


def _whole(folder: Path, what: str, *, is_told: bool = False) -> Shard | None:
    """The shard in `folder`, if it is there and as it was written; says once what is damaged."""
    try:
        return read_shard(folder)
    except DataError as error:
        if not is_told:
            text = f"the rendered {what} in {folder} is damaged ({error.message}): it is rendered again"
            print(text, file=sys.stderr, flush=True)
        return None


@dataclass(frozen=True, slots=True)
class Cached:
    """A shard in the cache: what it was rendered from, its size, and when it was opened last (Unix time)."""

    folder: Path
    source: str
    num_bytes: int
    used: float


def cached(folder: Path | None = None) -> list[Cached]:
    """The complete shards of a cache, the one opened last first."""
    folder = folder or default_cache()
    facts = [path for path in (folder / "tokens").glob(f"*/{FACTS}") if path.parent.suffix != ".partial"]
    return sorted(map(_cached, facts), key=lambda shard: -shard.used)


def prune(unused_s: float, folder: Path | None = None) -> list[Cached]:
    """Remove the shards that nothing has opened for so many seconds; returns them.

    A run that has one open goes on: what is mapped stays until it lets go. A later run renders again.
    """
    removed = [shard for shard in cached(folder) if time.time() - shard.used >= unused_s]
    for shard in removed:
        with writing(shard.folder):
            _remove(shard.folder)
    return removed


def _remove(folder: Path) -> None:
    """Remove a shard at once: who opens it sees a whole one or none."""
    part = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(part, ignore_errors=True)
    if os.path.lexists(folder):
        os.rename(folder, part)
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink()


def _cached(facts: Path) -> Cached:
    num_bytes = sum(path.lstat().st_size for path in facts.parent.iterdir())
    try:
        source = field(read_object(facts), "source", str, at=str(facts), default="?")
    except WhetError:
        source = "? (damaged)"
    return Cached(facts.parent, source, num_bytes, facts.stat().st_mtime)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left beside `folder`: a partial shard whose lock is free."""
    from filelock import FileLock, Timeout

    for part in folder.parent.glob("*.partial"):
        try:
            with FileLock(part.with_suffix(".lock"), blocking=False):
                shutil.rmtree(part, ignore_errors=True)
        except Timeout:
            continue


def _built(folder: Path, build: Callable[[ShardWriter], Mapping[str, Any]]) -> Shard:
    _sweep(folder)
    with writing(folder):
        _remove(folder)  # what was damaged
    writer = ShardWriter(folder)
    try:
        return writer.commit(build(writer))
    except BaseException:
        writer.abandon()
        raise


@contextlib.contextmanager
def _locked(folder: Path, what: str) -> Iterator[None]:
    """Hold the lock of a shard. The system frees it when its holder dies, so it is never stale."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
    except Timeout:
        print(f"waiting for another process that renders {what}", file=sys.stderr, flush=True)
        lock.acquire(poll_interval=0.2)
    try:
        yield
    finally:
        lock.release()
