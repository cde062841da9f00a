"""Starting a follower: a process of its own session, which no signal to the run reaches and the run never waits for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import whet
from whet.track.follow.order import Order

# What a run's environment has and its follower must not take for its own: ranks, GPUs, and what starts followers.
_DROPPED = (
    "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT",
    "WHET_TEE", "WHET_ALERTS", "WHET_TRACK_MODE",
)  # fmt: skip


def start(run: Path, order: Order) -> None:
    """Leave the order in the run folder and start a follower. Raises OSError where there can be none."""
    order.store(run)
    command = [sys.executable, "-P", "-m", "whet.track.follow", str(run.resolve())]
    process = subprocess.Popen(
        command, env=environment(os.environ), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    process.returncode = 0  # nobody waits for it: without this Python would warn that it still runs


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of a follower: secrets and the like as they are, without what is the run's alone."""
    kept = {name: value for name, value in own.items() if name not in _DROPPED and not name.startswith("TORCHELASTIC")}
    package = str(Path(whet.__file__).resolve().parents[1])
    paths = [path for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **kept, "PYTHONPATH": os.pathsep.join([*paths, package]), "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
