"""Runs that are pushed: the server's half of `whet runs push`, by which a folder becomes the same here.

Logs grow by pieces, each accepted only behind the same bytes (their digest); other files come as blocks named by their
SHA-256, and take their place once all are there. A run that differs from one of the same name gets a name of its own,
and nobody adds to a run but who has pushed it: to all others it is as if it were not there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from whet.base.paths import file_name
from whet.server.errors import Refusal, invalid, no_run, refuse_full
from whet.server.files import inside
from whet.server.push.assembling import keep, missing_of
from whet.server.push.receiving import Receiving, plant
from whet.server.served import Body, Runs, Served
from whet.track.logs import frames
from whet.track.push.blocks import BIRTH_BYTES, BLOCK_BYTES, is_log, is_pushed

router = APIRouter(prefix="/api/v1/push", tags=["push"])

_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    apart, project = asked.get("apart") or [], str(asked.get("project") or "")
    if not isinstance(apart, list):
        raise invalid("`apart` is a list of names")
    name = file_name(run, what="run")
    receiving.leftovers.look()
    with receiving.lock:
        for number in range(1, 10_000):
            here = name if number == 1 else f"{name}-{number}"
            folder = receiving.root / here
            if here in apart:
                continue
            if receiving.begin(folder, births, partial(served.place, here, project)):
                return {"run": here, "is_new": True}
            if receiving.is_same(folder, births) and _is_mine(served, here):
                for path, birth in births.items():
                    plant(inside(folder, path), birth)
                return {"run": here, "is_new": False}
    raise Refusal("RESOURCE_CONFLICT", f"there are too many runs called `{name}`")


@router.get("/{run}/logs")
def logs(run: str, served: Runs) -> dict[str, int]:
    """The logs of a run with their sizes here."""
    folder = _mine(served, run)
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
    log = receiving.log(inside(_mine(served, run), path))
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
    asked, folder = _object(body), _mine(served, run)
    digests = asked.get("blocks")
    if not isinstance(digests, list) or not all(isinstance(d, str) and _SHA256.fullmatch(d) for d in digests):
        raise invalid("`blocks` is a list of SHA-256 digests")
    path = PurePosixPath(path).as_posix()  # `./lock` is `lock`
    if is_log(path) or not is_pushed(path):
        raise invalid(f"{ascii(path[:80])} is not pushed as a file")
    place = inside(folder, path)
    if place.is_dir():
        raise invalid(f"{ascii(path[:80])} is a folder here")
    try:
        with receiving.files[run]:
            return {"missing": missing_of(place, digests, receiving.blocks / run)}
    except OSError as error:
        raise refuse_full(error, path) from None


@router.put("/{run}/blocks/{digest}")
def put_block(run: str, digest: str, body: Body, served: Runs, receiving: Receiver) -> dict[str, Any]:
    """Keep a block until the file that it belongs to is whole."""
    _mine(served, run)
    if not _SHA256.fullmatch(digest) or hashlib.sha256(body).hexdigest() != digest:
        raise invalid("the block is not what its digest says: it came damaged")
    if len(body) > BLOCK_BYTES:
        raise invalid(f"a block has at most {BLOCK_BYTES} bytes")
    try:
        keep(receiving.blocks / run, digest, body)
    except OSError as error:
        raise refuse_full(error, "the block") from None
    return {}


def _mine(served: Served, run: str) -> Path:
    """The folder of a run that whoever asks has pushed. Raises the same Refusal for others as for none."""
    folder = served.folder(run)
    if not served.owners.is_mine(run):
        raise no_run(run)
    return folder


def _is_mine(served: Served, run: str) -> bool:
    """Whether a run of the same logs is theirs; of one that is not, a copy is kept apart.

    Raises Refusal where it is the server's own, and theirs to see: a copy beside it would be of no use.
    """
    try:
        served.folder(run)
    except Refusal:
        return False
    if not served.owners.is_pushed(run):
        raise Refusal("PERMISSION_DENIED", f"`{run}` lies on this server: it is its own, and nothing is pushed to it")
    return served.owners.is_mine(run)


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
