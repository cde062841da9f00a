"""Keys of a terminal, one at a time, while the screen is drawn; the terminal is put back as it was."""

from __future__ import annotations

import os
import select
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_NAMED = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left",
    b"\x1bOA": "up", b"\x1bOB": "down", b"\x1bOC": "right", b"\x1bOD": "left",
    b"\x1b[5~": "page up", b"\x1b[6~": "page down", b"\x1b[H": "home", b"\x1b[F": "end",
    b"\x1b[1~": "home", b"\x1b[4~": "end", b"\x1bOH": "home", b"\x1bOF": "end",
    b"\r": "enter", b"\n": "enter", b"\t": "tab", b"\x7f": "backspace", b"\x08": "backspace",
    b"\x15": "clear", b"\x03": "interrupt", b"\x1b": "escape",
}  # fmt: skip


class Keys:
    """Keys that were typed, by letter or by name."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def wait(self, seconds: float) -> list[str]:
        """The keys of at most so long; none where nobody types, and `interrupt` where the terminal is gone."""
        if not select.select([self._fd], [], [], seconds)[0]:
            return []
        try:
            data = os.read(self._fd, 1024)
        except OSError:
            data = b""
        return list(named(data)) if data else ["interrupt"]


def named(data: bytes) -> Iterator[str]:
    """The keys in what a terminal sends: names of those that are no letters; unknown sequences are passed over."""
    while data:
        known = max((code for code in _NAMED if data.startswith(code)), key=len, default=b"")
        if known and (known != b"\x1b" or len(data) == 1):
            yield _NAMED[known]
            data = data[len(known) :]
        elif data[0] == 0x1B:
            data = _behind(data)
        else:
            letters = data.split(b"\x1b", 1)[0].decode("utf-8", "replace")
            controls = [number for number, letter in enumerate(letters) if ord(letter) < 32 or letter == "\x7f"]
            whole = letters[: controls[0]] if controls else letters
            yield from whole
            data = data[len(whole.encode()) :] if whole else data[1:]


def _behind(data: bytes) -> bytes:
    """What follows an escape sequence that is not known."""
    if data[1:2] not in (b"[", b"O"):
        return data[2:]
    for place in range(2, len(data)):
        if 0x40 <= data[place] <= 0x7E:
            return data[place + 1 :]
    return b""


@contextmanager
def typed(fd: int) -> Iterator[Keys]:
    """Keys as they are typed, not shown; the terminal's settings are put back, whatever happens."""
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield Keys(fd)
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
