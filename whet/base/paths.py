"""Paths and names as users type them: `~` is home, and what no system can hold is refused at once."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from whet.base.errors import ConfigError

# What common file systems give one name, less room for endings such as `.partial`.
NAME_BYTES = 200
PATH_BYTES = 4000
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/+(.*)", re.S)
_HUB = re.compile(r"(?:huggingface\.co|hf\.co)/(?:datasets/|models/)?([\w.-]+/[\w.-]+)(?:/(?:tree|blob|resolve)/.*)?/?")


def user_path(text: str | os.PathLike[str], *, at: str | None = None) -> Path:
    """The path that a user typed, with `~` as the home folder; nothing else is changed or touched.

    Raises ConfigError for what no path can be: empty, with NUL or half a surrogate pair, too long, an unknown `~user`,
    an address.
    """
    path = os.fspath(text)
    _check_text(path, "path", at)
    _check_address(path, at)
    if len(os.fsencode(path)) > PATH_BYTES or any(len(os.fsencode(p)) > 255 for p in path.split(os.sep)):
        raise ConfigError(
            f"the path {_shown(path)} is too long", at=at, hint="a path whose names have 255 bytes at most"
        )
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = path.split(os.sep)[0]
        raise ConfigError(f"nobody is called `{user[1:]}` here", at=at, hint=f"./{path}, if a folder has it") from None


def from_here(path: Path) -> Path:
    """The path as it is typed here: from the current folder where it lies below that, else whole."""
    whole, here = Path(os.path.abspath(path)), Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


def file_name(text: str, *, what: str, at: str | None = None) -> str:
    """`text`, if it can be the name of one file or folder where it is put. Raises ConfigError otherwise.

    `what` is what is named: "run", "adapter". Slashes, `.` and `..` would leave the folder, a leading `~` or `-` would
    be read as something else by shells and commands; a leading or trailing `.` hides a folder, or is lost on some
    systems, and so is an accent that is a letter of its own.
    """
    _check_text(text, f"name of a {what}", at)
    hint = "letters, digits, `-`, `_` and `.`"
    if text in (".", "..") or "/" in text or "\\" in text:
        raise ConfigError(f"{_shown(text)} would lie in another folder, so it cannot name a {what}", at=at, hint=hint)
    if text[0] in "~-." or text[-1] == "." or text != text.strip() or not text.isprintable():
        raise ConfigError(f"{_shown(text)} cannot name a {what}", at=at, hint=hint)
    if (composed := unicodedata.normalize("NFC", text)) != text:
        hint = f"{composed}, whose letters and accents are one, as most systems write them"
        raise ConfigError(f"{_shown(text)} can be written in two ways, so it cannot name a {what}", at=at, hint=hint)
    if len(os.fsencode(text)) > NAME_BYTES:
        raise ConfigError(f"{_shown(text)} is too long for a {what}", at=at, hint=f"at most {NAME_BYTES} bytes")
    return text


def twin_of(name: str, others: Iterable[str]) -> str | None:
    """The other name that a system which minds no capitals would take for the same."""
    return next((other for other in others if other != name and _folded(other) == _folded(name)), None)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _check_address(text: str, at: str | None) -> None:
    """Raise ConfigError for a URL: nothing is fetched from one, and a folder `https:` is not what is meant."""
    match = _ADDRESS.fullmatch(text)
    if match is None or len(match[1]) == 1 or "://" not in text:  # `C:/data` is no address, nor `runs:/1`
        return
    scheme, rest = match[1].lower(), match[2]
    if scheme == "file":
        hint = f"/{rest.lstrip('/')}"
    elif hub := _HUB.fullmatch(rest):
        hint = hub[1]
    elif scheme == "hf":
        hint = rest.removeprefix("datasets/")
    elif scheme in ("http", "https", "ftp"):
        hint = f"curl -LO {shlex.quote(text)}, then {Path(rest.partition('?')[0]).name or 'the file'}"
    else:
        hint = f"copy it here first, then {Path(rest).name or 'its folder'}"
    raise ConfigError(f"{_shown(text)} is an address, and only what lies here or on the hub is read", at=at, hint=hint)


def _check_text(text: str, what: str, at: str | None) -> None:
    if not text:
        raise ConfigError(f"the {what} is empty", at=at, hint="write one, or leave the setting out")
    if "\0" in text:
        raise ConfigError(f"the {what} {_shown(text)} holds a NUL", at=at, hint="remove the `\\0`")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ConfigError(
            f"the {what} {_shown(text)} is no text that can be encoded", at=at, hint="write it in UTF-8"
        ) from None


def _shown(text: str) -> str:
    shown = ascii(text)[1:-1]
    return f"`{shown}`" if len(shown) <= 60 else f"`{shown[:57]}...`"
