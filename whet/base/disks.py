"""What to do about the errors of the system that files and folders meet: a hint for each."""

from __future__ import annotations

import errno

_HINTS = {
    errno.ENOENT: "a path that there is: ls shows what lies beside it",
    errno.ENOSPC: "free some space, or write elsewhere",
    errno.EDQUOT: "free some space, or write elsewhere",
    errno.EACCES: "choose a place that you may write to, or change its rights with chmod",
    errno.EPERM: "choose a place that you may write to, or change its rights with chmod",
    errno.EROFS: "choose a place that can be written to",
    errno.EMFILE: "ulimit -n 65536",
    errno.ENFILE: "close other programs: the machine has too many open files",
    errno.ENAMETOOLONG: "a shorter name",
    errno.ENOTDIR: "a path whose folders are folders",
    errno.EINVAL: "a plain file in that place",
    errno.EISDIR: "the path of a file",
    errno.ELOOP: "a path without links that go round",
    errno.EIO: "check the disk: the system could not read or write it",
    errno.ESTALE: "check the network file system, then start again",
    errno.ENOMEM: "close other programs, or take a smaller model or batch",
}


def remedy(error: BaseException) -> str | None:
    """What to do about an error of the system; None for what is none, or is not known."""
    return _HINTS.get(error.errno) if isinstance(error, OSError) and error.errno is not None else None
