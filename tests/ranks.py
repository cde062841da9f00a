"""Run a function as ranks that talk over gloo."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from tests.nursery import Child

# Of those of one call, so many have the same ranks.
_CASES = 30


def on_ranks(size: int, work: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Results of `work(*arguments)` on `size` ranks that torch.distributed sees, in rank order.

    Raises what the first rank that failed tells, and ends the others, which would wait for it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
    }
    children = [
        Child(partial(work, *arguments), {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(size)
    ]
    found: dict[int, Any] = {}
    try:
        while len(found) < size:
            for one in wait([child.results for rank, child in enumerate(children) if rank not in found]):
                rank = next(rank for rank, child in enumerate(children) if child.results is one)
                found[rank] = children[rank].wait()
    finally:
        for child in children:
            child.end()
    return [found[rank] for rank in range(size)]


def in_turns(size: int, work: Callable[..., Mapping[Any, Any]], cases: Sequence[Any], *arguments: Any) -> list[Any]:
    """What ranks find of many cases (`work(cases, *arguments)`, by case), some after the others on ranks of their own.

    Process groups last as long as their rank, and the threads of two hundred take a sixth of a core while they wait.
    """
    found: list[dict[Any, Any]] = [{} for _ in range(size)]
    for start in range(0, len(cases), _CASES):
        for own, more in zip(found, on_ranks(size, work, cases[start : start + _CASES], *arguments), strict=True):
            own.update(more)
    return found
