"""Passwords: kept as scrypt hashes (RFC 7914), each with its salt, and checked as slowly whether right or wrong.

A hash takes 16 MiB and some 50 ms, and two are computed at a time, so that guessing is slow and cannot fill the memory.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading

from whet.base.errors import ConfigError

SHORTEST, LONGEST = 10, 1024
_N, _R, _P = 1 << 14, 8, 1
_MIB = 1 << 20
_two = threading.Semaphore(2)


def checked(password: str) -> str:
    """A password that may be taken. Raises ConfigError."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(
            f"a password has {SHORTEST} to {LONGEST} letters", at="password", hint="four words that go badly together"
        )
    if len(set(password)) < 4:
        raise ConfigError("that password is one letter over and over", at="password", hint="four words")
    return password


def hashed(password: str) -> str:
    """The hash to keep: `scrypt$N$r$p$salt$key`."""
    salt = os.urandom(16)
    return f"scrypt${_N}${_R}${_P}${_text(salt)}${_text(_key(password, salt, _N, _R, _P))}"


def is_right(password: str, kept: str | None) -> bool:
    """Whether it is the password of a hash. None, for somebody who is not known, takes as long and is never right."""
    kind, n, r, p, salt, key = (kept or _DECOY).split("$")
    assert kind == "scrypt"
    try:
        found = _key(password[:LONGEST], _bytes(salt), int(n), int(r), int(p))
        return hmac.compare_digest(found, _bytes(key)) and kept is not None
    except (ValueError, binascii.Error):
        return False


def _key(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    with _two:
        secret = password.encode(errors="surrogatepass")
        return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=64 * _MIB, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


_DECOY = f"scrypt${_N}${_R}${_P}${_text(bytes(16))}${_text(bytes(32))}"
