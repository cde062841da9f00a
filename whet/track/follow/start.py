"""Starting a follower: a process of its own session, which no signal to the run reaches and the run never waits for."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import whet
from whet.track.follow.order import Order
from whet.track.follow.waiting import waiting_s

# What a run's environment has and its follower must not take for its own: ranks, GPUs, and what starts followers.
_DROPPED = (
    "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT",
    "WHET_TEE", "WHET_ALERTS", "WHET_TRACK_MODE",
)  # fmt: skip


def start(run: Path, order: Order) -> None:
    """Leave the order in the run folder and start a follower. Raises OSError where there can be none.

    The process waits for it at its very end only as long as WHET_FOLLOW_WAIT_S says, or where it is process 1.
    """
    wait_s = waiting_s()
    order.store(run)
    command = [sys.executable, "-P", "-m", "whet.track.follow", str(run.resolve()), order.digest]
    process = subprocess.Popen(
        command, env=environment(os.environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    if wait_s:
        atexit.register(_wait, process, wait_s)
    else:
        process.returncode = 0  # nobody waits for it: without this Python would warn that it still runs


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
        process.wait(seconds)


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a follower: secrets and the like as they are, without what is the run's alone."""
    kept = {name: value for name, value in own.items() if name not in _DROPPED and not name.startswith("TORCHELASTIC")}
    package = str(Path(whet.__file__).resolve().parents[1])
    paths = [path for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **kept, "PYTHONPATH": os.pathsep.join([*paths, package]), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
