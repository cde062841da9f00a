"""Trust: an order that this user has left, told from one that came in a folder of somebody else's.

Whoever follows a run does what its order says: sends what it logs somewhere, with this user's secrets, and runs files
of plug-ins. An order is therefore sealed by a key that only this user has, beside the keyring (HMAC-SHA256, RFC 2104).
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from whet.base.regular import opened
from whet.track.follow.secrets import keyring_path

_FILE = "order.key"


def seal(order: Mapping[str, Any]) -> str:
    """The seal of an order, in hex; empty where no key can be kept."""
    key = _key(is_made=True)
    return _sealed(key, order) if key else ""


def is_sealed(order: Mapping[str, Any], given: str) -> bool:
    """Whether the seal is this user's, and of this order."""
    key = _key(is_made=False)
    return bool(key) and hmac.compare_digest(_sealed(key, order).encode(), given.encode(errors="replace"))


def _sealed(key: bytes, order: Mapping[str, Any]) -> str:
    return hmac.digest(key, json.dumps(order, sort_keys=True).encode(), "sha256").hex()


def _key(*, is_made: bool) -> bytes:
    """The key, made now where there is none and one is wanted; empty where it cannot be had."""
    path = keyring_path().parent / _FILE
    if is_made and not path.exists():
        with suppress(OSError):  # a home that cannot be written: nothing is sealed
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = path.with_name(f"{_FILE}.{os.getpid()}.part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
            with suppress(FileExistsError):
                os.link(part, path)  # of several that make one, the first
            part.unlink()
    with suppress(OSError), opened(path, "rb") as file:
        return file.read()
    return b""
