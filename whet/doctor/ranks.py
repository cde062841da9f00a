"""Ranks of this machine that try to reach each other, and measure what they exchange."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from whet.base.units import duration, size
from whet.doctor.check import Check
from whet.parallel.measured import Measured, Point, save, table_path

PATIENCE_S = 60.0
SMALL = (2**10, 2**16)
# From what latency decides to what bandwidth does.
LARGE = (2**10, 2**16, 2**20, 2**24)
_MOST_LATENCY_S = 0.005
# How often it is looked which ranks have ended.
_LOOK_S = 0.05

Points = Mapping[str, Sequence[Point]]


def exchanged(num: int, sizes: Sequence[int], backend: str = "gloo", patience_s: float = PATIENCE_S) -> Points | str:
    """What `num` processes that torch.distributed joins on this machine measured; or, in words, why they did not."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="whet-doctor-") as folder:
        out = Path(folder, "found.json")
        command = [sys.executable, "-m", "whet.doctor.exchange", backend, str(out), *map(str, sizes)]
        shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(num), "OMP_NUM_THREADS": "1"}
        started = []
        for rank in range(num):
            own = {**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            with Path(folder, f"{rank}.txt").open("wb") as said:
                started.append(subprocess.Popen(command, env=own, stdout=said, stderr=said, stdin=subprocess.DEVNULL))
        failed = _ended(started, patience_s)
        if failed is None and out.is_file():
            return {
                name: [(int(n), float(s)) for n, s in points] for name, points in json.loads(out.read_text()).items()
            }
        lines = Path(folder, f"{failed or 0}.txt").read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"they did not come together within {duration(patience_s)}"


def local_ranks(num: int, *, measures: bool, backend: str = "gloo") -> Iterator[Check]:
    """Whether `num` ranks of this machine reach each other; with `measures` also how fast, which the table keeps:
    only who asks for that needs several."""
    name = f"{backend} between {num} ranks"
    found = exchanged(num, LARGE if measures else SMALL, backend)
    if isinstance(found, str):
        hint = (
            "export GLOO_SOCKET_IFNAME=lo, and look for a firewall" if backend == "gloo" else "export NCCL_DEBUG=INFO"
        )
        yield Check(name, f"they do not reach each other: {found}", "bad" if measures else "slow", hint)
        return
    measured = [Measured(one, num, tuple(points)) for one, points in found.items()]
    figures = {one.name: {"latency_s": one.latency_s, "bytes_per_s": one.bytes_per_s} for one in measured}
    latency = max(one.latency_s for one in measured)
    shown = f"they reach each other; the slowest exchange of {size(SMALL[0])} takes {duration(latency)}"
    if latency > _MOST_LATENCY_S:
        told = f"{shown}: more ranks than free processors, most likely"
        yield Check(name, told, "slow", "fewer ranks, or OMP_NUM_THREADS=1 for each", figures)
    else:
        yield Check(name, shown, figures=figures)
    if measures:
        for one in measured:
            rate = f"{size(one.bytes_per_s)}/s, of which a rank sends {size(one.wire_bytes_per_s)}/s"
            yield Check(
                f"{one.name} of {num} ranks", f"{rate}; {duration(one.latency_s)} at least", figures=figures[one.name]
            )
        yield _kept(backend, num, found)


def _kept(backend: str, num: int, found: Points) -> Check:
    try:
        path = save(backend, num, found)
    except OSError as error:
        told = f"plans will not know: {table_path()} cannot be written: {error.strerror or error}"
        return Check("measured", told, "slow", "export WHET_CACHE=/tmp/whet")
    return Check("measured", f"kept in {path}", figures={"path": str(path)})


def _ended(started: Sequence[subprocess.Popen[bytes]], patience_s: float) -> int | None:
    """Wait for all; the one that failed first, else one that did not end in time. None is left running."""
    until, codes = time.monotonic() + patience_s, [process.poll() for process in started]
    while None in codes and not any(codes) and time.monotonic() < until:  # those that wait for one that failed fail too
        time.sleep(_LOOK_S)
        codes = [process.poll() for process in started]
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
    failed = [rank for rank, code in enumerate(codes) if code]
    return next(iter(failed + [rank for rank, code in enumerate(codes) if code is None]), None)
