"""A view of the machine with nothing in it but Python: mounts, network and shared memory of its own (Linux).

Where the kernel gives no namespaces, a folder stands in, and what is outside can be seen by name but not read.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_USER, _NEW_MOUNTS, _NEW_IPC, _NEW_NET = 0x10000000, 0x00020000, 0x08000000, 0x40000000
_BIND, _REC, _PRIVATE, _DETACH, _NOSUID, _NODEV, _NOATIME = 4096, 16384, 1 << 18, 2, 2, 4, 1024
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
BOX = "box"
MAX_DEPTH = 64
MAX_FILES = 1_000  # files and folders that code may have at once


class Room:
    """The folder in which code runs, emptied after each job. `is_apart` says whether nothing else can be seen."""

    def __init__(self, folder: str, readable: Iterable[str], *, apart: bool = True) -> None:
        self.is_apart = apart and sys.platform == "linux" and _seclude(folder, readable)
        self.parent = "/" + BOX if self.is_apart else folder
        self.folder = os.path.join(self.parent, BOX)
        self._mounted: tuple[int, _Marks] | None = None
        os.makedirs(self.folder, exist_ok=True)

    def open(self, num_bytes: int) -> None:
        """Make it ready for code whose files may take so much."""
        if not self.is_apart:
            os.makedirs(self.folder, exist_ok=True)
        elif self._mounted != (num_bytes, _marks(self.folder)) or os.listdir(self.folder):
            if self._mounted is not None:
                _check(_LIBC.umount2(self.folder.encode(), _DETACH), "umount")
            # Each folder takes a file's place, the first is the box itself.
            options = f"size={num_bytes},nr_inodes={MAX_FILES + 1},mode=700"
            _mount("tmpfs", self.folder, "tmpfs", _NOSUID | _NODEV | _NOATIME, options)
            self._mounted = num_bytes, _marks(self.folder)

    def close(self) -> None:
        """Remove what code left, however it is nested. Nothing may run there any more.

        A box of its own is thrown away when the next code comes, unless nothing was ever made in it: a mount costs
        as much as a fork.
        """
        if not self.is_apart:
            remove_all(self.parent)

    def excess(self, num_bytes: int) -> str | None:
        """What there is too much of, where the kernel does not count by itself."""
        return None if self.is_apart else _excess(self.parent, num_bytes)


_Marks = tuple[int, ...]


def _marks(folder: str) -> _Marks:
    """What changes with a folder. A clock that ticks slowly is no matter where it is empty besides."""
    found = os.stat(folder)
    return found.st_mtime_ns, found.st_ctime_ns, found.st_mode, found.st_nlink, found.st_size


def remove_all(folder: str) -> None:
    """Empty a folder. Folders are moved to the top and emptied there: none is too deep, and no path too long."""
    top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    count = 0
    try:
        waiting = [entry.name for entry in os.scandir(top)]
        while waiting:
            name = waiting.pop()
            try:
                os.unlink(name, dir_fd=top)
                continue
            except (IsADirectoryError, PermissionError):
                os.chmod(name, 0o700, dir_fd=top)
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                for entry in list(os.scandir(inner)):
                    if entry.is_dir(follow_symlinks=False):
                        count += 1
                        moved = f".whet-{count}"
                        os.chmod(entry.name, 0o700, dir_fd=inner)
                        os.rename(entry.name, moved, src_dir_fd=inner, dst_dir_fd=top)
                        waiting.append(moved)
                    else:
                        os.unlink(entry.name, dir_fd=inner)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)


def _excess(folder: str, num_bytes: int) -> str | None:
    size = num_files = 0
    waiting = [(folder, 0)]
    while waiting:
        parent, depth = waiting.pop()
        if depth > MAX_DEPTH:
            return f"its folders are more than {MAX_DEPTH} deep"
        try:
            with os.scandir(parent) as entries:
                for entry in entries:
                    num_files += 1
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, depth + 1))
                    if num_files > MAX_FILES:
                        return f"it made more than {MAX_FILES:,} files"
        except OSError:
            continue  # gone since it was listed
    return f"its files took more than {num_bytes // 2**20} MiB" if size > num_bytes else None


def _seclude(folder: str, readable: Iterable[str]) -> bool:
    """Leave this process a root with these paths and a new folder alone. False where the kernel refuses."""
    own = (os.getuid(), os.getgid())
    spaces = _NEW_MOUNTS | _NEW_IPC | _NEW_NET
    if _LIBC.unshare(_NEW_USER | spaces) == 0:
        try:
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{own[0]} {own[0]} 1"),
                ("gid_map", f"{own[1]} {own[1]} 1"),
            ):
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
        except OSError:
            return False
    elif _LIBC.unshare(spaces) != 0:
        return False
    try:
        _mount("none", "/", None, _REC | _PRIVATE, None)
        _mount("tmpfs", folder, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
        for path in readable:
            _show(path, folder + path)
        os.mkdir(folder + "/" + BOX)
        os.chdir(folder)
        _check(_LIBC.syscall(_PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
        _check(_LIBC.umount2(b".", _DETACH), "umount")
        os.chdir("/")
    except (OSError, KeyError):
        return False
    return True


def _show(path: str, target: str) -> None:
    """Let a path be seen at the target, as it is."""
    if not os.path.lexists(path) or os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        open(target, "w").close()
    _mount(path, target, None, _BIND | _REC, None)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None) -> None:
    texts = [None if text is None else text.encode() for text in (source, target, kind, options)]
    _check(_LIBC.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), "mount")


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
