"""A rank beside the one that answers: it does with its part of the model what it is told, until nobody tells it more.

It reads what the first rank writes to its standard input (`whet.generate.ranks.leading`), and ends when that closes.
"""

from __future__ import annotations

import os
import pickle
import queue
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from whet.generate.ranks.joining import Wanted

# What is written once everything is imported.
HERE = b"here\n"
# A rank whose leader has gone may hear of it from the others first.
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Joining:
    """The first message: what is to be loaded, by which rank, the file by which ranks meet, and how many threads
    compute."""

    wanted: Wanted
    rank: int
    meeting: str
    threads: int


@dataclass(frozen=True, slots=True)
class Room:
    """The second one: the size of the cache, and of its blocks, as `whet.generate.serving.caches.cache_of` has them."""

    tokens: int
    block: int


def run() -> None:
    """Do all of it. The process ends here."""
    try:
        _follow()
    except Exception as error:
        time.sleep(_GRACE_S)
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def _follow() -> None:
    import torch
    import torch.distributed as dist

    from whet.generate.eval_mode import borrowed
    from whet.generate.ranks.joining import part_of
    from whet.generate.serving.caches import cache_of

    heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(heard,), daemon=True).start()
    joining: Joining = heard.get()
    os.write(1, HERE)
    os.dup2(2, 1)
    torch.set_num_threads(joining.threads)
    store = dist.FileStore(joining.meeting, joining.wanted.ranks)
    module = part_of(joining.wanted, store, joining.rank).module
    room: Room = heard.get()
    cache: Any = cache_of(module, room.tokens, block=room.block)
    with borrowed(module):
        while True:
            for name, given in heard.get():
                getattr(cache, name)(*given)


def _listen(heard: queue.SimpleQueue[Any]) -> None:
    while True:
        try:
            heard.put(pickle.load(sys.stdin.buffer))
        except (EOFError, OSError, pickle.UnpicklingError):  # the first rank has ended, perhaps amid a message
            os._exit(0)
