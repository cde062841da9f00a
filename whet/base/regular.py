"""Opening files of folders that others have put together: a pipe in a file's place is said, and never waited for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from whet.base.errors import WhetError

_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}  # fmt: skip


def opened(path: str | os.PathLike[str], mode: str = "r", **how: Any) -> IO[Any]:
    """`open` for regular files. Raises OSError at once for a pipe, a socket, a device or a folder."""
    return open(path, mode, opener=_opener, **how)


def refuse_odd(folder: Path, error: type[WhetError] = WhetError) -> None:
    """Raise `error` where something that is neither a file nor a folder lies directly in the folder."""
    for path, kind in odd_entries(folder):
        raise error(
            f"`{path.name}` is {kind}, and no file", at=str(path), hint=f"rm {path}, or put the file itself there"
        )


def odd_entries(folder: Path) -> Iterator[tuple[Path, str]]:
    """What lies directly in a folder and is neither a file nor a folder, links followed, with what it is."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # whoever reads it says so
        return
    for entry in entries:
        if entry.is_file() or entry.is_dir():
            continue
        try:
            kind = _kind(os.stat(entry.path).st_mode)
        except OSError:  # a link that leads nowhere is a file that is missing
            continue
        yield Path(entry.path), kind


def _opener(path: str, flags: int) -> int:
    try:
        fd = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno != errno.ENXIO:  # a pipe that nobody reads, a socket
            raise
        raise _no_file(path, os.stat(path).st_mode) from None
    mode = os.fstat(fd).st_mode
    if not stat.S_ISREG(mode):
        os.close(fd)
        raise _no_file(path, mode)
    return fd


def _no_file(path: str, mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return OSError(errno.EINVAL, f"it is {_kind(mode)}, and no file", path)


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "something else")
