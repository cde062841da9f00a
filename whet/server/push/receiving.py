"""Receiving: logs of pushed runs, begun whole or not at all, and held while their pusher is heard of."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whet.server.errors import Refusal, missing, refuse_full
from whet.server.files import inside
from whet.server.push.leftovers import NEW, Leftovers
from whet.server.push.owners import BLOCKS, Owners
from whet.track.push.blocks import BIRTH_BYTES, Prefix

# A log that nobody has added to for so long is let go of: its run is no longer running.
_IDLE_S = 60.0


@dataclass(slots=True)
class ReceivedLog:
    """A log that is received: its open file, which is locked as a writer's is, and the digest of what it holds."""

    fd: int
    prefix: Prefix
    touched: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


class Receiving:
    """Logs that come in, held as long as their pusher is heard of, so that readers see a run that runs."""

    def __init__(self, root: Path, owners: Owners) -> None:
        self.root, self.owners = root, owners
        self.blocks = root / BLOCKS
        self.lock = threading.RLock()
        # One file of a run is put together at a time: its blocks are gone afterwards.
        self.files = defaultdict[str, threading.Lock](threading.Lock)
        self._logs: dict[Path, ReceivedLog] = {}
        self.leftovers = Leftovers(root, self.blocks)

    def log(self, path: Path) -> ReceivedLog:
        """The log at a path, opened if need be. Raises Refusal where another process writes it."""
        with self.lock:
            self._let_go(time.monotonic() - _IDLE_S)
            if path not in self._logs:
                self._logs[path] = _opened(path)
            found = self._logs[path]
            found.touched = time.monotonic()
            return found

    def begin(self, folder: Path, births: Mapping[str, bytes], placed: Callable[[], None]) -> bool:
        """Make a run whose logs begin so, whole or not at all. False where its folder is there.

        `placed` raises Refusal where it may not be made; then nothing is left.
        """
        part = None
        if not _claimed(folder):
            return False
        try:
            placed()
            self.owners.note(folder.name, births)
            (self.root / NEW).mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=self.root / NEW))
            os.chmod(part, 0o755)
            for path, birth in births.items():
                plant(inside(part, path), birth)
            os.rename(part, folder)  # in the place of the empty one
        except BaseException as error:
            if part is not None:
                shutil.rmtree(part, ignore_errors=True)
            self.owners.forget(folder.name)
            folder.rmdir()
            if isinstance(error, OSError):
                raise refuse_full(error, f"the run `{folder.name}`") from None
            raise
        return True

    def is_same(self, folder: Path, births: Mapping[str, bytes]) -> bool:
        """Whether a folder here holds a run of the same logs: one at least is in both, and none begins otherwise."""
        common = 0
        for path, birth in births.items():
            place = inside(folder, path)
            if place.is_file():
                with place.open("rb") as file:
                    here = file.read(BIRTH_BYTES)
                size = min(len(here), len(birth))
                if here[:size] != birth[:size]:
                    return False
                common += 1
        return common > 0

    def close(self) -> None:
        """Let go of all."""
        with self.lock:
            self._let_go(time.monotonic() + 1)

    def _let_go(self, before: float) -> None:
        for path, log in list(self._logs.items()):
            if log.touched < before and not log.lock.locked():
                os.close(self._logs.pop(path).fd)


def plant(place: Path, birth: bytes) -> None:
    """A log that is not here yet begins; it appears with its first bytes, or not at all. Raises Refusal."""
    if place.exists():
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.part")
        part.write_bytes(birth)
        os.replace(part, place)
    except OSError as error:
        raise refuse_full(error, str(place.name)) from None


def _claimed(folder: Path) -> bool:
    """Whether a folder was not here and now is, empty."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise refuse_full(error, f"the run `{folder.name}`") from None
    return True


def _opened(path: Path) -> ReceivedLog:
    if not path.is_file():
        raise missing(f"there is no log `{path.name}`")
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Refusal("RESOURCE_CONFLICT", "another process writes this run here") from None
    except OSError:  # a file system without locks
        pass
    os.utime(path.parent)  # by which a catalogue knows that there is something to read
    return ReceivedLog(fd, Prefix())
