"""Starting a pusher beside a run: a process of its own, where WHET_SERVER names a server."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

# The variable that names the server which runs are pushed to as they are written.
SERVER = "WHET_SERVER"


def push_beside(run: Path) -> None:
    """Push a run while it is written, if WHET_SERVER is set; it neither waits for the process nor fails with it."""
    if not os.environ.get(SERVER) or os.environ.get("RANK", "0") not in ("", "0"):  # of several ranks one is enough
        return
    package = str(Path(__file__).resolve().parents[3])
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*paths, package]), "CUDA_VISIBLE_DEVICES": ""}
    with suppress(OSError):  # no process can be had: it is pushed later
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "whet.track.push", str(run.resolve())], env=environment, cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        process.returncode = 0  # nobody waits for it: without this Python would warn that it still runs
