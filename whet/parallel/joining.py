"""Joining: the ranks that an environment describes come together, or a message says why they do not."""

from __future__ import annotations

import datetime
import os

import torch.distributed as dist

from whet.base.errors import ConfigError, RunError, is_lost_rank
from whet.base.launcher import world_size

_AT = "environment"
_HINT = "torchrun --nproc_per_node 2 -m whet train run.yaml, which sets it, or --ranks 2"


def join(backend: str, timeout: datetime.timedelta) -> None:
    """Make the process group of all ranks. Raises ConfigError where the environment describes no rank, and RunError
    where the others cannot be reached in time."""
    size, rank, port = world_size(), _whole("RANK"), _whole("MASTER_PORT")
    if not 0 <= rank < size:
        said = f"RANK is {rank}, and WORLD_SIZE {size}: ranks are counted from 0 to {size - 1}"
        raise ConfigError(said, at=_AT, hint=_HINT)
    if not 0 <= port < 2**16:
        raise ConfigError(f"MASTER_PORT is {port}, which is no port", at=_AT, hint=_HINT)
    place = f"{os.environ.get('MASTER_ADDR', '')}:{port}"
    if place.startswith(":"):
        raise ConfigError("MASTER_ADDR is not set: it is where rank 0 waits", at=_AT, hint=_HINT)
    try:
        dist.init_process_group(backend, timeout=timeout)
    except Exception as error:
        if not is_lost_rank(error):
            raise
        if "EADDRINUSE" in str(error):
            said = f"rank {rank} cannot wait for the others at {place}: another program, or run, has this port"
            raise RunError(
                said, at="MASTER_PORT", hint="another port: torchrun --master_port 29511, or --ranks 2"
            ) from None
        said = f"the {size} ranks did not come together at {place}: rank {rank} gave up on the others"
        hint = "start all of them, with one address, port and number of ranks; parallel.timeout_s is how long"
        raise RunError(said, at=_AT, hint=f"{hint} each waits") from error


def _whole(name: str) -> int:
    text = os.environ.get(name, "")
    if not text.isascii() or not text.isdecimal():
        said = f"is {text[:40]!r}, and no whole number" if text else "is not set"
        raise ConfigError(f"{name} {said}, though WORLD_SIZE says that there are several ranks", at=_AT, hint=_HINT)
    return int(text)
