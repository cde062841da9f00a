"""Secrets: tokens and passwords, from the environment or a keyring file that nobody else can read.

`WHET_<ACCOUNT>_<NAME>` in the environment comes first, then `name = "..."` under `[account]` of the keyring, a TOML
file at `WHET_KEYRING`, else `~/.config/whet/keyring.toml`. No config, run folder, notice or error holds them.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from whet.base.errors import ConfigError, setting_secret
from whet.base.own_key import keyring_path
from whet.base.regular import opened
from whet.track.recorded.private import without_secrets

# Shorter ones would blacken ordinary words.
_SHORTEST = 6
_SECRET_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD)$")


class Secrets:
    """The secrets of one account, by their names."""

    def __init__(self, account: str, environ: Mapping[str, str] | None = None) -> None:
        self.account = account
        self._environ = os.environ if environ is None else environ

    def __getitem__(self, name: str) -> str:
        """A secret. Raises ConfigError where it is nowhere, with what to type."""
        found = self.find(name)
        if found is None:
            raise ConfigError(
                f"there is no secret `{name}` of `{self.account}`",
                at=self.variable(name),
                hint=f"{setting_secret(self.variable(name))}, or `{name}` under [{self.account}] in {keyring_path()}",
            )
        return found

    def find(self, name: str) -> str | None:
        """A secret, or None where it is nowhere. Raises ConfigError for a keyring that others can read."""
        found = self._environ.get(self.variable(name)) or self._kept.get(name)
        return str(found).strip() or None if found is not None else None

    def variable(self, name: str) -> str:
        """The environment variable that holds a secret."""
        return f"WHET_{self.account}_{name}".upper()

    @cached_property
    def _kept(self) -> Mapping[str, Any]:
        section = keyring().get(self.account)
        return section if isinstance(section, dict) else {}


def keyring() -> Mapping[str, Any]:
    """What the keyring holds; empty without one. Raises ConfigError where others can read it, or it is no TOML."""
    path = keyring_path()
    try:
        with opened(path, "rb") as file:
            about = os.fstat(file.fileno())
            if about.st_mode & 0o077:
                raise ConfigError(
                    f"the keyring can be read by others: its mode is {about.st_mode & 0o777:o}",
                    at=str(path), hint=f"chmod 600 {path}",
                )  # fmt: skip
            if about.st_uid not in (os.geteuid(), 0):
                raise ConfigError("the keyring belongs to somebody else", at=str(path), hint=f"chown $USER {path}")
            return tomllib.loads(file.read().decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read the keyring: {error.strerror}", at=str(path), hint="chmod 600 it") from None
    except ValueError as error:  # what it says of TOML has a line and no value
        place = re.search(r"at line (\d+)", str(error))
        at = f"{path}:{place[1]}" if place else str(path)
        raise ConfigError(
            "the keyring is no TOML", at=at, hint='[slack] and below it: url = "https://hooks.example.org/x"'
        ) from None


def redacted(text: str, values: Iterable[str] = ()) -> str:
    """A text without secrets: the values given, the keyring's, the environment's `..._API_KEY`, what looks like one."""
    known = [*values, *(value for name, value in os.environ.items() if _SECRET_NAMES.search(name) or _is_ours(name))]
    with suppress(ConfigError):
        sections = [section for section in keyring().values() if isinstance(section, dict)]
        known += [str(value) for section in sections for value in section.values()]
    parts = {part for value in known for part in (value, _path_of(value)) if len(part) >= _SHORTEST}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return without_secrets(text)


def _is_ours(name: str) -> bool:
    """Whether a variable is a channel's: `WHET_SLACK_URL`."""
    return re.fullmatch(r"WHET_[A-Z0-9_]+_(URL|SIGN|PASSWORD|TOKEN|KEY|AUTHORIZATION)", name) is not None


def _path_of(value: str) -> str:
    """Of a URL the part that says which account it is."""
    if "://" not in value:
        return value
    try:
        split = urlsplit(value)
    except ValueError:
        return value
    return f"{split.path}?{split.query}" if split.query else split.path
