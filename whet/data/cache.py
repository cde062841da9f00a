"""Cache: shards by the name of their content; of several processes that want one, one builds it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from whet.data.shard import Shard, ShardWriter, read_shard, writing


def default_cache() -> Path:
    """Where shards are kept: $WHET_CACHE, else ~/.cache/whet."""
    return Path(os.environ.get("WHET_CACHE") or "~/.cache/whet").expanduser()


def open_or_build(folder: Path, what: str, build: Callable[[ShardWriter], Mapping[str, Any]]) -> Shard:
    """The shard in `folder`, built first where it is missing: `build` writes it and returns its facts.

    When `build` raises, nothing is left behind. Raises RunError when the folder cannot be written.
    """
    found = read_shard(folder)
    if found is not None:
        return found
    with _locked(folder, what):
        return read_shard(folder) or _built(folder, build)


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
