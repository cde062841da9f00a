"""The lock of a run: one attempt at a time writes into its folder, and the kernel lets go however that one dies."""

from __future__ import annotations

import json
import os
import weakref
from contextlib import suppress
from functools import partial
from pathlib import Path

from whet.base import disks
from whet.base.documents import field, read_object
from whet.base.errors import RunError, WhetError
from whet.track.logs import liveness

NAME = "lock"


class RunLock:
    """Held from `take` to `release`, or until this process is gone; a forked child does not keep it."""

    def __init__(self, path: Path, fd: int, is_kept: bool) -> None:
        self.path, self.is_kept = path, is_kept
        self._fd = fd
        os.register_at_fork(after_in_child=partial(_forget, weakref.ref(self)))

    @classmethod
    def take(cls, folder: Path) -> RunLock:
        """The lock of the run in `folder`, which exists. Raises RunError where another attempt holds it.

        `is_kept` is False where the file system knows no locks.
        """
        path = folder / NAME
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            hint = disks.remedy(error) or "free some space, and see to its rights with chmod"
            said = f"the run's folder cannot be written: {error.strerror}"
            raise RunError(said, at=str(path), hint=hint) from None
        is_held = liveness.try_hold(fd)
        if is_held is False:
            os.close(fd)
            raise _runs_already(folder, path)
        lock = cls(path, fd, is_kept=bool(is_held))
        with suppress(OSError):  # a full disk: then nobody reads who it is
            os.ftruncate(fd, 0)
            os.write(fd, json.dumps({"pid": os.getpid(), "host": os.uname().nodename}).encode())
        return lock

    @property
    def notices(self) -> tuple[str, ...]:
        """What a user should know where the file system has no locks."""
        told = f"{self.path.parent} is on a file system without locks: do not start the run again while it is running"
        return () if self.is_kept else (told,)

    def release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> RunLock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


def _runs_already(folder: Path, path: Path) -> RunError:
    try:
        stored = read_object(path)
        who = f" (pid {field(stored, 'pid', int, at='lock')} on {field(stored, 'host', str, at='lock')})"
    except WhetError:
        who = ""
    return RunError(
        f"the run `{folder.name}` is running already{who}",
        at=str(folder),
        hint=f"watch it with `whet show {folder} --follow`; `echo stop > {folder / 'controls'}` ends it",
    )


def _forget(reference: weakref.ref[RunLock]) -> None:
    lock = reference()
    if lock is not None:
        lock.release()
