"""The spool: on a network disk a log is written to this machine's disk first, and a thread copies it over.

One `write` a call to a disk that stalls would stall training. What this costs: when the machine is lost, what the
thread had not copied yet (`PAUSE_S` and the disk's own delay) is lost. When only the process is killed, nothing is:
whoever opens the run next on this machine copies the rest. A spool holds `LIMIT_BYTES` at most; what a disk that does
not answer leaves beyond that is dropped, and counted.

`WHET_SPOOL=always`, `never` or `auto` (the default: where the file system of the run is one of `NETWORK`) chooses.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from contextlib import suppress
from pathlib import Path

from whet.base.errors import RunError

VARIABLE = "WHET_SPOOL"
PAUSE_S = 0.5
LIMIT_BYTES = 256 << 20
# How long the end of a run waits for the disk.
PATIENCE_S = 30.0

# `f_type` of statfs(2), of linux/magic.h and the file systems' own sources.
NETWORK = {
    0x6969: "nfs", 0xFF534D42: "cifs", 0xFE534D42: "smb2", 0x517B: "smb", 0x0BD00BD0: "lustre", 0x65735546: "fuse",
    0x47504653: "gpfs", 0x19830326: "beegfs", 0x00C36400: "ceph", 0x01021997: "9p", 0x5346414F: "afs",
    0xAAD7AAEA: "panfs", 0x7461636F: "ocfs2", 0x01161970: "gfs2", 0x20030528: "pvfs2",
}  # fmt: skip


def is_wanted(folder: Path) -> bool:
    """Whether logs of a folder go through a spool. Raises RunError for a setting that is none."""
    match os.environ.get(VARIABLE, "auto"):
        case "always":
            return True
        case "never":
            return False
        case "auto" | "":
            return magic(folder) in NETWORK
        case other:
            raise RunError(
                f"{VARIABLE}={other} is no way to spool", hint=f"export {VARIABLE}=auto, or always, or never"
            )


def magic(folder: Path) -> int:
    """The number of a folder's file system by statfs(2); 0 where it cannot be asked."""
    import ctypes

    try:
        libc = ctypes.CDLL(None, use_errno=True)
        # struct statfs begins with f_type, a long on all machines that we know but s390; 256 bytes hold all of it.
        buffer = ctypes.create_string_buffer(256)
        if libc.statfs(os.fsencode(folder), buffer) != 0:
            return 0
        return ctypes.c_long.from_buffer(buffer).value & 0xFFFFFFFF
    except (OSError, AttributeError):
        return 0


class Spool:
    """A local file that takes a log's bytes, and the thread that copies them to `target`, an open file of the log.

    The first `start` bytes of the log are there already.
    """

    def __init__(self, log: Path, target: int, start: int) -> None:
        self.path = path_of(log)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log, self._target = log, target
        self._start = self._written = start
        self._copied = start
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self.path.with_suffix(".json").write_text(
            json.dumps({"log": str(log.resolve()), "start": start, "pid": os.getpid()})
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"spool of {log.name}", daemon=True)
        self._thread.start()

    def room(self, num_bytes: int) -> bool:
        """Whether so many more bytes may wait for the disk."""
        return self._written - self._copied + num_bytes <= LIMIT_BYTES

    def wrote(self, num_bytes: int) -> None:
        """So many bytes were added to the spool."""
        self._written += num_bytes

    def close(self) -> bool:
        """Wait for the disk, `PATIENCE_S` at most. False where it did not take all: the spool then stays."""
        self._ended.set()
        self._thread.join(PATIENCE_S)
        if self._thread.is_alive() or self._copied < self._written:
            return False  # the thread may still be waiting, with both files
        for path in (self.path, self.path.with_suffix(".json")):
            path.unlink(missing_ok=True)
        os.close(self.fd)
        return True

    def forget(self) -> None:
        """In a forked child, which has the file and no thread."""
        os.close(self.fd)

    def _follow(self) -> None:
        while True:
            is_last = self._ended.wait(PAUSE_S)
            with suppress(OSError):  # tried again, as long as the run lives
                while self._copied < self._written:
                    data = os.pread(self.fd, 1 << 20, self._copied - self._start)
                    if not data:
                        break
                    self._copied += os.write(self._target, data)
            if is_last:
                return


def path_of(log: Path) -> Path:
    """Where on this machine the spool of a log lies."""
    name = hashlib.sha256(os.fsencode(log.resolve())).hexdigest()[:32]
    return folder() / f"{name}.spool"


def folder() -> Path:
    """Where on this machine the spools of this user lie."""
    import tempfile

    return Path(tempfile.gettempdir(), f"whet-spool-{os.getuid()}")


def recover(log: Path) -> int:
    """Add to a log whose writer is gone what its spool on this machine still holds. Returns the bytes added.

    Raises OSError where the disk does not take them: the spool stays then.
    """
    if not folder().is_dir():
        return 0
    path = path_of(log)
    about, claim = path.with_suffix(".json"), path.with_suffix(f".{os.getpid()}.claim")
    if not about.exists() or not log.exists() or _lives(int(json.loads(about.read_text())["pid"])):
        return 0
    try:
        os.rename(about, claim)  # of several, one does it
    except FileNotFoundError:
        return 0
    try:
        start = int(json.loads(claim.read_text())["start"])
        with path.open("rb") as source, log.open("ab") as target:
            source.seek(max(0, os.fstat(target.fileno()).st_size - start))
            rest = source.read()
            target.write(rest)
    except OSError:
        os.rename(claim, about)
        raise
    path.unlink()
    claim.unlink()
    return len(rest)


def _lives(pid: int) -> bool:
    """Whether a process of this machine exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
