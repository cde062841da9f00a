"""The state of the source code that runs: commit, branch, and what was changed since, in a bounded size."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whet.track.recorded.private import without_secrets

# Of a larger change only the beginning is kept; of new files that git does not know, so many names.
DIFF_BYTES, NUM_UNTRACKED = 256 << 10, 100
_PATIENCE_S = 10.0
# Nothing of the repository's own settings runs, and no lock of it is taken.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.quotePath=false")


@dataclass(frozen=True, slots=True)
class SourceCode:
    """`about` is JSON: commit, branch, remote, is_dirty, untracked, is_cut. `diff` is what was changed, as a patch."""

    about: dict[str, Any]
    diff: bytes


def source_code(folder: Path) -> SourceCode | None:
    """Of the git repository that a folder lies in; None outside of one, and without git."""
    if shutil.which("git") is None:
        return None
    commit = _said(folder, "rev-parse", "HEAD")
    top = _said(folder, "rev-parse", "--show-toplevel")
    if top is None:
        return None
    status = _output(folder, DIFF_BYTES, "status", "--porcelain", "--untracked-files=normal")[0]
    lines = status.decode("utf-8", "replace").splitlines()
    diff, is_cut = b"", False
    if commit is not None:
        diff, is_cut = _output(folder, DIFF_BYTES, "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color")
    remote = _said(folder, "config", "--get", "remote.origin.url")
    about = {
        "commit": commit,
        "branch": _said(folder, "rev-parse", "--abbrev-ref", "HEAD"),
        "remote": remote and without_secrets(remote),
        "folder": top,
        "is_dirty": bool(lines),
        "untracked": [line[3:] for line in lines if line.startswith("??")][:NUM_UNTRACKED],
        "is_cut": is_cut,
    }
    return SourceCode(about, without_secrets(diff.decode("utf-8", "replace")).encode())


def _said(folder: Path, *words: str) -> str | None:
    said = _output(folder, 4096, *words)[0].decode("utf-8", "replace").strip()
    return said or None


def _output(folder: Path, limit: int, *words: str) -> tuple[bytes, bool]:
    """The first `limit` bytes that git prints, and whether there were more; nothing where it fails or hangs."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        git = subprocess.Popen(
            [*_GIT, "-C", str(folder), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError:
        return b"", False
    import threading

    watch = threading.Timer(_PATIENCE_S, git.kill)
    watch.daemon = True
    watch.start()
    try:
        assert git.stdout is not None
        data = git.stdout.read(limit + 1)
        if len(data) > limit:
            git.kill()
    finally:
        with suppress(OSError):
            git.stdout.close()  # type: ignore[union-attr]
        code = git.wait()
        watch.cancel()
    if len(data) > limit:
        return data[: data.rfind(b"\n", 0, limit) + 1], True
    return (data if code == 0 else b""), False
