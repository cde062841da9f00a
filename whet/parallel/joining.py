"""Joining: the ranks that an environment describes come together, or a message says why they do not."""

from __future__ import annotations

import datetime
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch.distributed as dist

from whet.base.errors import ConfigError, RunError, is_lost_rank
from whet.base.launcher import world_size

_AT = "environment"
_HINT = "torchrun --nproc_per_node 2 -m whet train run.yaml, which sets it, or --ranks 2"
TOLD_AFTER_S = 10.0  # of waiting: who is missing; ranks that import much come seconds apart
_SHOWN = 8
_LOOK_S = 0.01, 0.5  # pauses between looks for the others, which grow
_AGENTS_STORE = "TORCHELASTIC_USE_AGENT_STORE"  # torch 2.13: torchrun holds the store where ranks meet, not rank 0


def join(backend: str, timeout: datetime.timedelta) -> None:
    """Make the process group of all ranks; who is missing for TOLD_AFTER_S is said. Raises ConfigError where the
    environment describes no rank or another number of them than another rank's, and RunError where the others cannot be
    reached in time."""
    size, rank, port = world_size(), _whole("RANK"), _whole("MASTER_PORT")
    if not 0 <= rank < size:
        said = f"RANK is {rank}, and WORLD_SIZE {size}: ranks are counted from 0 to {size - 1}"
        raise ConfigError(said, at=_AT, hint=_HINT)
    if not 0 <= port < 2**16:
        raise ConfigError(f"MASTER_PORT is {port}, which is no port", at=_AT, hint=_HINT)
    host = os.environ.get("MASTER_ADDR", "")
    if not host:
        raise ConfigError("MASTER_ADDR is not set: it is where rank 0 waits", at=_AT, hint=_HINT)
    place, missing = f"{host}:{port}", [0] if rank else []
    try:
        began, is_host = time.monotonic(), rank == 0 and os.environ.get(_AGENTS_STORE) != "True"
        with _told_late(f"rank {rank} waits for rank 0, which is to be at {place}" if rank else ""):
            store = dist.TCPStore(host, port, None, is_host, timeout, wait_for_workers=False, multi_tenant=is_host)
        missing = _meet(store, rank, size, began + timeout.total_seconds())
        if not missing:
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=timeout)
            return
        cause = None
    except Exception as error:
        if not is_lost_rank(error):
            raise
        if "EADDRINUSE" in str(error):
            said = f"rank {rank} cannot wait for the others at {place}: another program, or run, has this port"
            raise RunError(
                said, at="MASTER_PORT", hint="another port: torchrun --master_port 29511, or --ranks 2"
            ) from None
        cause = error
    said = f"the {size} ranks did not come together at {place}: rank {rank} gave up on {_listed(missing)}"
    hint = "start all of them, with one address, port and number of ranks; parallel.timeout_s is how long each waits"
    raise RunError(said, at=_AT, hint=hint) from cause


def _meet(store: dist.Store, rank: int, size: int, until: float) -> list[int]:
    """Wait for all ranks to come to the store, and give those that have not come until then; the first of those that
    wait says who is missing. Raises ConfigError where one of them has been told another number of ranks."""
    came, told = [f"whet/rank {one}" for one in range(size)], list[int]()
    store.set(came[rank], str(size))
    missing, pause_s, tell_at = list(range(size)), _LOOK_S[0], time.monotonic() + TOLD_AFTER_S
    while missing and not store.check([came[one] for one in missing]):  # `wait` would log each end of its patience
        now = time.monotonic()
        if now > min(tell_at, until):
            missing, tell_at = [one for one in missing if not store.check([came[one]])], now + TOLD_AFTER_S
            if missing and now > until:
                return missing
            first = next(one for one in range(size) if one not in missing)
            if missing and missing != told and rank == first:
                _warn(f"{size - len(missing)} of {size} ranks are here, and wait for {_listed(missing)}")
            told = missing
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LOOK_S[1])
    for other, theirs in enumerate(store.multi_get(came)):
        if theirs.decode() != str(size):
            said = f"WORLD_SIZE is {size} on rank {rank}, and {theirs.decode()} on rank {other}"
            raise ConfigError(said, at=_AT, hint=_HINT)
    return []


@contextmanager
def _told_late(words: str) -> Iterator[None]:
    """Say it where what is inside takes long."""
    timer = threading.Timer(TOLD_AFTER_S, _warn, [words])
    timer.daemon = True
    if words:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _warn(words: str) -> None:
    print(f"warning: {words}", file=sys.stderr, flush=True)


def _listed(ranks: list[int]) -> str:
    if not ranks:
        return "the others"
    more = f" and {len(ranks) - _SHOWN} more" if len(ranks) > _SHOWN else ""
    return f"rank{'s' if len(ranks) > 1 else ''} {', '.join(map(str, ranks[:_SHOWN]))}{more}"


def _whole(name: str) -> int:
    text = os.environ.get(name, "")
    if not text.isascii() or not text.isdecimal():
        said = f"is {text[:40]!r}, and no whole number" if text else "is not set"
        raise ConfigError(f"{name} {said}, though WORLD_SIZE says that there are several ranks", at=_AT, hint=_HINT)
    return int(text)
