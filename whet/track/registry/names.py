"""What versions are called: `registry:chat@prod`, `registry:chat/3`, `registry:chat` for the newest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from whet.base.errors import ConfigError
from whet.base.paths import file_name

PREFIX = "registry:"
_ALIAS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_HINT = "registry:chat, registry:chat/3 or registry:chat@prod"


@dataclass(frozen=True, slots=True)
class Reference:
    """A version by its number or an alias; the newest where neither is said."""

    name: str
    number: int | None = None
    alias: str | None = None

    def __str__(self) -> str:
        end = f"@{self.alias}" if self.alias else f"/{self.number}" if self.number is not None else ""
        return f"{PREFIX}{self.name}{end}"


def is_reference(text: object) -> bool:
    """Whether a text names a version of the registry."""
    return isinstance(text, str) and text.startswith(PREFIX)


def parse_reference(text: str) -> Reference:
    """The reference in a text, which may leave `registry:` out. Raises ConfigError."""
    bare = text.removeprefix(PREFIX)
    name, at, alias = bare.rpartition("@")
    if at:
        return Reference(model_name(name), None, alias_name(alias))
    name, slash, number = bare.rpartition("/")
    if not slash:
        return Reference(model_name(bare))
    if not (number.isascii() and number.isdigit() and len(number) < 16) or int(number) < 1:
        raise ConfigError(f"`{text[:80]}` names no version: `{number[:40]}` is no number", at=text[:80], hint=_HINT)
    return Reference(model_name(name), int(number))


def model_name(text: str) -> str:
    """`text`, if a model can be called so. Raises ConfigError."""
    if ":" in text or "@" in text:
        raise ConfigError(f"`{text[:80]}` cannot name a model", at=text[:80], hint="letters, digits, `-`, `_` and `.`")
    return file_name(text, what="model")


def alias_name(text: str) -> str:
    """`text`, if an alias can be called so. A number or `v3` would be taken for a version. Raises ConfigError."""
    if not _ALIAS.fullmatch(text) or re.fullmatch(r"v?\d+", text, re.IGNORECASE) or text.lower() == "latest":
        raise ConfigError(f"`{text[:80]}` cannot be an alias", at=text[:80], hint="letters and digits, such as `prod`")
    return text
