"""Files that are in two places and once on the disk: shared blocks, else a second name, else a link to the first."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from whet.base.digests import sha256s

# The bytes of both files are the same blocks until one of them is written (Btrfs, XFS, bcachefs); one file with two
# names; a symbolic link.
Held = Literal["reflink", "hardlink", "reference"]
# ioctl_ficlonerange(2): _IOW(0x94, 9, int).
_FICLONE = 0x40049409
# What file systems say that cannot do it here: other disks, no support, no right (protected_hardlinks), too many names.
_CANNOT = frozenset({
    errno.EXDEV, errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOSYS,
    errno.ETXTBSY,
})  # fmt: skip


def linked(source: Path, target: Path) -> Held:
    """Make `target` hold what `source` holds, without copying. Raises OSError where not even a link can be made.

    A symbolic link at `source` is followed: what is held is the file behind it.
    """
    real = Path(os.path.realpath(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    if _cloned(real, target):
        return "reflink"
    try:
        os.link(real, target)
        return "hardlink"
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    target.symlink_to(real)
    return "reference"


def _cloned(source: Path, target: Path) -> bool:
    """Whether the file system has made `target` of the blocks of `source`."""
    with source.open("rb") as old:
        try:
            with target.open("xb") as new:
                fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
            return True
        except OSError as error:
            with suppress(FileNotFoundError):
                target.unlink()
            if error.errno not in _CANNOT:
                raise
    return False


def listed(part: Path, held: Mapping[str, Held]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of each file, those with several names hashed once."""
    first: dict[tuple[int, int], Path] = {}
    own = {inner: (part / inner).stat() for inner in held}
    for inner, about in own.items():
        first.setdefault((about.st_dev, about.st_ino), part / inner)
    digests = sha256s(first.values())
    return {
        inner: {"bytes": about.st_size, "sha256": digests[first[about.st_dev, about.st_ino]], "held": held[inner]}
        for inner, about in own.items()
    }


def counted(held: Iterable[Held]) -> dict[Held, int]:
    """How many files are held in each way."""
    counts: dict[Held, int] = {}
    for one in held:
        counts[one] = counts.get(one, 0) + 1
    return counts
