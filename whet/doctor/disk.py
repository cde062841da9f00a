"""The file system under the folder of runs: whether it keeps what is asked of it, and how fast it writes."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whet.base.units import duration, size
from whet.doctor.check import Check, Level
from whet.track.recorded.kernel_figures import PROC

GIB = 2**30
LEAST_FREE_BYTES, LEAST_BYTES_PER_S, MOST_SYNC_S, MOST_SKEW_S = 10 * GIB, 100e6, 0.1, 2.0
# Of other machines, where locks and clocks are theirs; and those that are gone with what made them.
NETWORK = ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "afs", "ceph")
PASSING = {"tmpfs": "the machine restarts", "ramfs": "the machine restarts", "overlay": "its container is removed"}
_CHUNK, _NUM_REPLACED = 2**20, 50


@dataclass(frozen=True, slots=True)
class Probed:
    """What a file system did: `replaces_whole` where readers saw the old or the new file, whole, and nothing else."""

    locks: bool
    replaces_whole: bool
    keeps_full_folders: bool
    bytes_per_s: float
    sync_s: float
    skew_s: float


def disk(root: Path, probe_bytes: int = 64 * 2**20, proc: Path = PROC) -> Iterator[Check]:
    """Checks of the file system that the folder `root` of runs lies on, or will lie on; nothing is left there."""
    there = nearest_folder(root)
    if (file := _in_the_way(root)) is not None:
        yield Check("disk", f"{file} is no folder, and runs are to lie in it", "bad", "track.folder=FOLDER elsewhere")
        return
    try:
        free, inodes = shutil.disk_usage(there).free, os.statvfs(there)
        with tempfile.TemporaryDirectory(prefix=".whet-doctor-", dir=there) as folder:
            found = probe(Path(folder), min(probe_bytes, max(_CHUNK, free // 4)))
    except OSError as error:
        told = f"{there} cannot be written: {error.strerror or error}"
        yield Check("disk", told, "bad", f"chmod u+w {there}, or track.folder=FOLDER elsewhere")
        return
    kind = kind_of(there.resolve(), proc)
    figures = {"folder": str(there), "kind": kind, "free": free, "inodes": inodes.f_favail}
    yield from _space(there, kind, free, inodes.f_favail if inodes.f_files else None, figures)
    yield from _semantics(there, found)
    yield _speed(there, found)


def temporary(proc: Path = PROC) -> Iterator[Check]:
    """Whether what leaves a CPU's memory leaves it: gradients and offloaded tensors go to a file under TMPDIR."""
    folder = tempfile.gettempdir()
    kind = kind_of(Path(folder).resolve(), proc)
    if kind in ("tmpfs", "ramfs"):
        told = f"{folder} is memory ({kind}): what train.offload and train.in_backward send there stays in it"
        yield Check("temporary files", told, "slow", "export TMPDIR=/var/tmp")
    else:
        yield Check("temporary files", f"they lie in {folder} ({kind or 'unknown file system'})")


def _in_the_way(root: Path) -> Path | None:
    """What is there on the way to `root` and is no folder."""
    first = next((path for path in (root, *root.parents) if os.path.lexists(path)), None)
    return None if first is None or first.is_dir() else first


def _space(there: Path, kind: str, free: int, inodes: int | None, figures: dict[str, object]) -> Iterator[Check]:
    shown = f"{size(free)} are free in {there} ({kind or 'unknown file system'})"
    if free < LEAST_FREE_BYTES:
        told = f"{shown}: a checkpoint takes some 12 bytes a trained weight, and train.keep of them stay"
        level: Level = "bad" if free < GIB else "slow"
        yield Check("disk space", told, level, f"df -h {there}; track.folder=FOLDER elsewhere", figures)
    elif inodes is not None and inodes < 10_000:
        yield Check("disk space", f"{shown}, and room for {inodes:,} more files", "slow", f"df -i {there}", figures)
    elif kind in PASSING:
        told = f"{shown}: what lies there is gone when {PASSING[kind]}"
        yield Check("disk space", told, "slow", "track.folder=FOLDER on a disk that stays", figures)
    elif kind in NETWORK:
        told = f"{shown}, on another machine: checkpoints wait for its network"
        yield Check("disk space", told, "slow", "train.async_checkpoint=true", figures)
    else:
        yield Check("disk space", shown, figures=figures)


def _semantics(there: Path, found: Probed) -> Iterator[Check]:
    lacking = []
    if not found.replaces_whole:
        lacking.append("a file that is replaced is seen half")
    if not found.keeps_full_folders:
        lacking.append("a folder can be renamed over another one")
    figures = {"locks": found.locks, "replaces_whole": found.replaces_whole, "skew_s": found.skew_s}
    if lacking:
        told = f"{', and '.join(lacking)}: a crash may leave no whole checkpoint"
        yield Check("disk semantics", told, "bad", "track.folder=FOLDER on a local disk", figures)
    elif not found.locks:
        told = "it knows no locks: nothing keeps two attempts from writing into one run"
        yield Check(
            "disk semantics", told, "slow", "mount it with locks (NFS: -o local_lock=flock, or version 4)", figures
        )
    elif abs(found.skew_s) > MOST_SKEW_S:
        told = (
            f"its clock differs from this machine's by {duration(abs(found.skew_s))}: requests to a run look old or new"
        )
        yield Check("disk semantics", told, "slow", "set both clocks by NTP: timedatectl set-ntp true", figures)
    else:
        yield Check("disk semantics", "locks hold, and what is renamed appears whole", figures=figures)


def _speed(there: Path, found: Probed) -> Check:
    figures = {"bytes_per_s": found.bytes_per_s, "sync_s": found.sync_s}
    shown = f"{size(found.bytes_per_s)}/s, and {duration(found.sync_s)} to be sure of a small file"
    if found.bytes_per_s < LEAST_BYTES_PER_S or found.sync_s > MOST_SYNC_S:
        told = f"{there} writes {shown}: checkpoints will hold training up"
        return Check(
            "disk speed", told, "slow", "train.async_checkpoint=true, or track.folder=FOLDER on a faster disk", figures
        )
    return Check("disk speed", shown, figures=figures)


def probe(folder: Path, num_bytes: int) -> Probed:
    """Try what a run relies on inside an empty folder. Raises OSError where it cannot be written."""
    bytes_per_s = _written(folder / "large", num_bytes)
    began = time.perf_counter()
    _sync(folder / "small", b"x")
    sync_s, skew_s = time.perf_counter() - began, (folder / "small").stat().st_mtime - time.time()
    return Probed(_locks(folder / "lock"), _replaces_whole(folder), _keeps_full(folder), bytes_per_s, sync_s, skew_s)


def nearest_folder(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    path = path.absolute()
    return next((one for one in (path, *path.parents) if one.is_dir()), Path("/"))


def kind_of(path: Path, proc: Path = PROC) -> str:
    """The kind of file system that a path lies on (proc(5), mountinfo); nothing where the kernel does not tell."""
    best, kind = -1, ""
    with suppress(OSError):
        for line in (proc / "self" / "mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            point = before.split()[4].replace("\\040", " ")
            if path.is_relative_to(point) and len(point) >= best:
                best, kind = len(point), after.split()[0]
    return kind


def _written(path: Path, num_bytes: int) -> float:
    """Bytes a second until they are on the disk."""
    chunk, began = os.urandom(_CHUNK), time.perf_counter()  # no disk compresses it
    with path.open("wb", buffering=0) as file:
        for _ in range(max(1, num_bytes // _CHUNK)):
            file.write(chunk)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return max(num_bytes, _CHUNK) / max(seconds, 1e-9)


def _sync(path: Path, content: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(content)
        os.fsync(file.fileno())


def _locks(path: Path) -> bool:
    """Whether a lock that one descriptor holds is refused to another."""
    with path.open("w") as one, path.open("w") as other:
        try:
            fcntl.flock(one, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False


def _replaces_whole(folder: Path) -> bool:
    """Whether a reader that looks all the time sees one whole content or the other while a file is replaced."""
    path, contents, wrong, ended = folder / "replaced", (b"a" * 4096, b"b" * 8192), [], threading.Event()
    path.write_bytes(contents[0])

    def read() -> None:
        while not ended.is_set():
            try:
                found = path.read_bytes()
            except OSError:
                found = b""
            if found not in contents:
                wrong.append(len(found))

    reader = threading.Thread(target=read, name="whet-doctor", daemon=True)
    reader.start()
    for number in range(_NUM_REPLACED):
        part = folder / "replaced.part"
        part.write_bytes(contents[number % 2])
        os.replace(part, path)
    ended.set()
    reader.join()
    return not wrong


def _keeps_full(folder: Path) -> bool:
    """Whether a folder with files in it stays when another one is renamed to its name."""
    for name in ("one", "other"):
        (folder / name).mkdir()
        (folder / name / "file").write_text(name)
    with suppress(OSError):
        os.rename(folder / "one", folder / "other")
    return (folder / "other" / "file").read_text() == "other"
