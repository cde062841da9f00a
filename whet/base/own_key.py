"""A key that only this user has: by it what they have left in a folder is told from what came there from elsewhere.

It lies beside the keyring (`WHET_KEYRING`, else `~/.config/whet/keyring.toml`). Seals are HMAC-SHA256 (RFC 2104).
"""

from __future__ import annotations

import hmac
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from whet.base.paths import user_path
from whet.base.regular import opened

VARIABLE = "WHET_KEYRING"
DEFAULT = "~/.config/whet/keyring.toml"
SEAL_BYTES = 32
_FILE = "order.key"


def keyring_path() -> Path:
    """Where the keyring lies, if there is one."""
    return user_path(os.environ.get(VARIABLE) or DEFAULT)


def seal(content: bytes) -> bytes:
    """The seal of bytes, SEAL_BYTES long; empty where no key can be kept."""
    key = _key_made()
    return hmac.digest(key, content, "sha256") if key else b""


def is_sealed(content: bytes, given: bytes) -> bool:
    """Whether the seal is this user's, and of these bytes."""
    with suppress(OSError):
        return hmac.compare_digest(hmac.digest(_key(_place()), content, "sha256"), given)
    return False


def is_of_another(path: Path, of: Path) -> bool:
    """Whether one other user owns both of two files: who has written the one could have written the other so as well.

    Files that were copied, or unpacked, belong to whoever did that.
    """
    with suppress(OSError):
        owner = os.stat(path).st_uid
        return owner != os.geteuid() and owner == os.stat(of).st_uid
    return False


def _place() -> str:
    return _place_of(os.environ.get(VARIABLE) or DEFAULT, os.environ.get("HOME"))


@lru_cache(maxsize=4)
def _place_of(keyring: str, home: str | None) -> str:
    return str(user_path(keyring).with_name(_FILE))


@lru_cache(maxsize=4)
def _key(place: str) -> bytes:
    """The key. Raises OSError where there is none, and is asked again then."""
    with opened(place, "rb") as file:
        if not (key := file.read()):
            raise OSError("an empty key")
        return bytes(key)


def _key_made() -> bytes:
    """The key, made now where there is none; empty in a home that cannot be written."""
    place = _place()
    with suppress(OSError):
        return _key(place)
    with suppress(OSError):
        _make(Path(place))
        return _key(place)
    return b""


def _make(path: Path) -> None:
    """Put a key there. Of several who do so at once the first has."""
    import secrets

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secrets.token_bytes(SEAL_BYTES))
    with suppress(FileExistsError):
        os.link(part, path)
    part.unlink()
