"""A model folder that appears whole or not at all, and that is put aside when it turns out wrong."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whet.base.errors import ModelError


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; it takes the place of `folder` when the block ends well.

    An older `folder` stays until then. After an error nothing is left behind, unless the block moved it `aside`.
    """
    folder = folder.absolute()
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
    except OSError as error:
        raise ModelError(
            f"cannot write {folder}: {error.strerror}", at=str(folder), hint="choose another folder"
        ) from None
    try:
        yield part
        _settle(part)
        _swap(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def aside(part: Path, folder: Path) -> Path:
    """Keep what was written for `folder` as `<folder>.failed`, in place of an earlier one. Returns where it lies."""
    kept = folder.absolute().with_name(f"{folder.name}.failed")
    _swap(part, kept)
    return kept


def _settle(folder: Path) -> None:
    """Have the disk store the files, so that a power cut after the renaming leaves no holes in them."""
    for path in [*folder.rglob("*"), folder]:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _swap(part: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    if folder.exists():
        os.replace(folder, old)
    try:
        os.replace(part, folder)
    except OSError:
        if old.exists():
            os.replace(old, folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
