"""Assembling: files of a run, put together from blocks of their former selves and from new ones that were kept."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from whet.server.errors import Refusal
from whet.track.push.blocks import BLOCK_BYTES, block_digests


def keep(store: Path, digest: str, data: bytes) -> None:
    """Keep a block until the file that it belongs to is whole. Raises OSError."""
    store.mkdir(parents=True, exist_ok=True)
    number, part = tempfile.mkstemp(prefix="block-", suffix=".part", dir=store)
    with open(number, "wb") as file:
        file.write(data)
    os.replace(part, store / digest)


def missing_of(place: Path, digests: Sequence[str], store: Path) -> list[str]:
    """Make a file of its blocks, in order, unless it is so already. Returns the blocks that are not here: none then.

    Raises OSError, and Refusal where the disk has not that much room left.
    """
    blocks = block_digests(place) if place.is_file() else []
    if blocks == digests and place.is_file():
        return []
    if (len(digests) - 1) * BLOCK_BYTES > shutil.disk_usage(store.parents[2]).free:
        raise Refusal("TOO_LARGE", f"{ascii(place.name[:80])} has more bytes than this disk has left")
    present = {block: number for number, block in enumerate(blocks)}
    absent = [d for d in dict.fromkeys(digests) if d not in present and not (store / d).is_file()]
    if not absent:
        _assemble(place, digests, present, store)
    return absent


def _assemble(place: Path, digests: Sequence[str], present: Mapping[str, int], store: Path) -> None:
    """Put a file together from blocks of its former self (by their number in it) and new ones, in its place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    store.mkdir(parents=True, exist_ok=True)  # by which the run is known as pushed, whatever its blocks were
    number, part = tempfile.mkstemp(prefix="whole-", suffix=".part", dir=store.parent)
    try:
        with open(number, "wb") as file:
            for digest in digests:
                file.write(_block(place, digest, present, store))
        os.chmod(part, 0o644)
        os.replace(part, place)
    finally:
        Path(part).unlink(missing_ok=True)
    for digest in set(digests):
        (store / digest).unlink(missing_ok=True)


def _block(place: Path, digest: str, present: Mapping[str, int], store: Path) -> bytes:
    if digest in present:
        with place.open("rb") as file:
            file.seek(present[digest] * BLOCK_BYTES)
            return file.read(BLOCK_BYTES)
    return (store / digest).read_bytes()
