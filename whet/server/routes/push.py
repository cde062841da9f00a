"""Runs that are pushed: the server's half of `whet runs push`, by which a folder becomes the same here.

Logs grow by pieces, each accepted only behind the same bytes (their digest); other files come as blocks named by their
SHA-256, and take their place once all are there. A run that differs from one of the same name gets a name of its own.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from whet.base.paths import file_name
from whet.server.errors import Refusal, invalid, missing
from whet.server.files import inside
from whet.server.routes.leftovers import Leftovers
from whet.server.served import RECEIVED, Body, Runs, Served, refuse_full
from whet.track.logs import frames
from whet.track.push.blocks import BIRTH_BYTES, BLOCK_BYTES, Prefix, block_digests, is_log, is_pushed

router = APIRouter(prefix="/api/v1/push", tags=["push"])

# A log that nobody has added to for so long is let go of: its run is no longer running.
_IDLE_S = 60.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(slots=True)
class _Log:
    """A log that is received: its open file, which is locked as a writer's is, and the digest of what it holds."""

    fd: int
    prefix: Prefix
    touched: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Receiving:
    """Logs that come in, held as long as their pusher is heard of, so that readers see a run that runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blocks = root / RECEIVED
        self.lock = threading.RLock()
        # One file of a run is put together at a time: its blocks are gone afterwards.
        self.files = defaultdict[str, threading.Lock](threading.Lock)
        self._logs: dict[Path, _Log] = {}
        self.leftovers = Leftovers(root, self.blocks)

    def log(self, path: Path) -> _Log:
        """The log at a path, opened if need be. Raises Refusal where another process writes it."""
        with self.lock:
            self._let_go(time.monotonic() - _IDLE_S)
            if path not in self._logs:
                self._logs[path] = _opened(path)
            found = self._logs[path]
            found.touched = time.monotonic()
            return found

    def close(self) -> None:
        """Let go of all."""
        with self.lock:
            self._let_go(time.monotonic() + 1)

    def _let_go(self, before: float) -> None:
        for path, log in list(self._logs.items()):
            if log.touched < before and not log.lock.locked():
                os.close(self._logs.pop(path).fd)


def receiving_of(request: Request) -> Receiving:
    """What the app of a request receives."""
    return request.app.state.receiving


Receiver = Annotated[Receiving, Depends(receiving_of)]


@router.post("/{run}")
def begin(run: str, body: Body, served: Runs, receiving: Receiver) -> dict[str, Any]:
    """The name under which a run is kept here: its own, unless another run has it.

    The body tells the first bytes of each of its logs, its project, and the names of runs here that it has turned out
    not to be.
    """
    asked = _object(body)
    births = {path: _bytes(text) for path, text in _mapping(asked, "logs").items()}
    if not births or not all(is_log(path) and len(birth) > len(frames.MAGIC) for path, birth in births.items()):
        raise invalid("a run is known by its logs: there is none")
    apart = asked.get("apart") or []
    if not isinstance(apart, list):
        raise invalid("`apart` is a list of names")
    name = file_name(run, what="run")
    receiving.leftovers.look()
    with receiving.lock:
        for number in range(1, 10_000):
            here = name if number == 1 else f"{name}-{number}"
            folder = receiving.root / here
            is_new = here not in apart and _made(folder)
            if not is_new and (here in apart or not _is_same(folder, births)):
                continue
            if not is_new:
                served.folder(here)  # may they add to it?
            for path, birth in births.items():
                _plant(inside(folder, path), birth)
            if is_new:
                _place(served, folder, asked.get("project"))
            return {"run": here, "is_new": is_new}
    raise Refusal("RESOURCE_CONFLICT", f"there are too many runs called `{name}`")


@router.get("/{run}/logs")
def logs(run: str, served: Runs) -> dict[str, int]:
    """The logs of a run with their sizes here."""
    folder = served.folder(run)
    return {f"track/{path.name}": path.stat().st_size for path in sorted((folder / "track").glob("*.tlog"))}


@router.put("/{run}/logs/{path:path}")
def append(
    run: str,
    path: str,
    body: Body,
    served: Runs,
    receiving: Receiver,
    offset: Annotated[int, Query(ge=0)],
    prefix: Annotated[str, Query(pattern="^[0-9a-f]{64}$")],
) -> dict[str, Any]:
    """Add bytes behind the first `offset`, whose SHA-256 is `prefix`. Refused, with the size here, where it is not."""
    if not is_log(path):
        raise invalid(f"{ascii(path[:80])} is no log")
    log = receiving.log(inside(served.folder(run), path))
    with log.lock:
        size = os.fstat(log.fd).st_size
        if size != offset:
            raise Refusal("RESOURCE_CONFLICT", f"the log has {size} bytes here", size=size)
        if log.prefix.digest(log.fd, size) != prefix:
            raise Refusal("RESOURCE_CONFLICT", "the log differs from the one of that name here", differs=True)
        try:
            written = os.pwrite(log.fd, body, offset) if body else 0
        except OSError as error:
            raise refuse_full(error, path) from None
        return {"size": offset + written}


@router.post("/{run}/files/{path:path}")
def put_file(run: str, path: str, body: Body, served: Runs, receiving: Receiver) -> dict[str, Any]:
    """Make a file of blocks, named in order by their SHA-256. Answers which are missing: none once it is made."""
    asked, folder = _object(body), served.folder(run)
    digests = asked.get("blocks")
    if not isinstance(digests, list) or not all(isinstance(d, str) and _SHA256.fullmatch(d) for d in digests):
        raise invalid("`blocks` is a list of SHA-256 digests")
    path = PurePosixPath(path).as_posix()  # `./lock` is `lock`
    if is_log(path) or not is_pushed(path):
        raise invalid(f"{ascii(path[:80])} is not pushed as a file")
    place, store = inside(folder, path), receiving.blocks / run
    if place.is_dir():
        raise invalid(f"{ascii(path[:80])} is a folder here")
    with receiving.files[run]:
        blocks = block_digests(place) if place.is_file() else []
        if blocks == digests and place.is_file():
            return {"missing": []}
        if (len(digests) - 1) * BLOCK_BYTES > shutil.disk_usage(folder).free:
            raise Refusal("TOO_LARGE", f"{ascii(path[:80])} has more bytes than this disk has left")
        present = {block: number for number, block in enumerate(blocks)}
        absent = [d for d in dict.fromkeys(digests) if d not in present and not (store / d).is_file()]
        if not absent:
            try:
                _assemble(place, digests, present, store)
            except OSError as error:
                raise refuse_full(error, path) from None
        return {"missing": absent}


@router.put("/{run}/blocks/{digest}")
def put_block(run: str, digest: str, body: Body, served: Runs, receiving: Receiver) -> dict[str, Any]:
    """Keep a block until the file that it belongs to is whole."""
    served.folder(run)
    if not _SHA256.fullmatch(digest) or hashlib.sha256(body).hexdigest() != digest:
        raise invalid("the block is not what its digest says: it came damaged")
    if len(body) > BLOCK_BYTES:
        raise invalid(f"a block has at most {BLOCK_BYTES} bytes")
    store = receiving.blocks / run
    try:
        store.mkdir(parents=True, exist_ok=True)
        number, part = tempfile.mkstemp(prefix="block-", suffix=".part", dir=store)
        with open(number, "wb") as file:
            file.write(body)
        os.replace(part, store / digest)
    except OSError as error:
        raise refuse_full(error, "the block") from None
    return {}


def _place(served: Served, folder: Path, project: Any) -> None:
    """A new run, in a project; taken back where whoever pushes it may not make it there."""
    try:
        served.place(folder.name, str(project or ""))
    except Refusal:
        shutil.rmtree(folder)
        raise


def _is_same(folder: Path, births: Mapping[str, bytes]) -> bool:
    """Whether a folder here holds a run of the same logs: one at least is in both, and none begins otherwise."""
    common = 0
    for path, birth in births.items():
        place = folder / path
        if place.is_file():
            with place.open("rb") as file:
                here = file.read(BIRTH_BYTES)
            size = min(len(here), len(birth))
            if here[:size] != birth[:size]:
                return False
            common += 1
    return common > 0


def _made(folder: Path) -> bool:
    """Whether a folder was not here and now is."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise refuse_full(error, f"the run `{folder.name}`") from None
    return True


def _plant(place: Path, birth: bytes) -> None:
    """A log that is not here yet begins; it appears with its first bytes, or not at all."""
    if place.exists():
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.part")
        part.write_bytes(birth)
        os.replace(part, place)
    except OSError as error:
        raise refuse_full(error, str(place.name)) from None


def _opened(path: Path) -> _Log:
    if not path.is_file():
        raise missing(f"there is no log `{path.name}`")
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Refusal("RESOURCE_CONFLICT", "another process writes this run here") from None
    except OSError:  # a file system without locks
        pass
    os.utime(path.parent)  # by which a catalogue knows that there is something to read
    return _Log(fd, Prefix())


def _assemble(place: Path, digests: list[str], present: Mapping[str, int], store: Path) -> None:
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


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise invalid("the body is no JSON object")
    return found


def _mapping(asked: Mapping[str, Any], name: str) -> dict[str, str]:
    found = asked.get(name)
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise invalid(f"`{name}` is an object of texts")
    return found


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)[:BIRTH_BYTES]
    except (binascii.Error, ValueError):
        raise invalid("the first bytes of a log come in base64") from None
