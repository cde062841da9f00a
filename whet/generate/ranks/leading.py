"""The first rank of several that answer with one model: it decides what is computed, and the others compute it too.

Requests, texts and draws are the first rank's alone. What it asks of its cache (`whet.models.decoding.sequences`) it
tells the others, who ask the same of theirs: each keeps the keys and values of its own heads.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from tempfile import TemporaryDirectory
from typing import IO, Any

import torch
import torch.distributed as dist
from torch import Tensor

from whet.base.errors import RunError, WhetError
from whet.contracts.model import Loaded
from whet.generate.models import load_model
from whet.generate.ranks.following import HERE, Joining, Room
from whet.generate.ranks.joining import AT, Wanted, check, device_of, joined
from whet.generate.serving.request import Lost
from whet.models.decoding.sequences import Beginning, Part, Sequences

# A rank that failed in a step may tell the first one so before it has ended; and one that is to end has so long.
_GRACE_S, _END_S = 5.0, 10.0
_BOOT = "import sys; sys.path[:] = {path!r}; from whet.generate.ranks.following import run; run()"


class Followers:
    """The other ranks, in processes of their own, which end with this one."""

    def __init__(self, wanted: Wanted) -> None:
        """Start them. Raises RunError where one cannot be."""
        self.num = wanted.ranks - 1
        self.lost: Lost | None = None
        self.on_lost: Callable[[Lost], None] = lambda error: None
        self._is_closing, self._lock = False, threading.Lock()
        threads = max(1, torch.get_num_threads() // wanted.ranks)
        torch.set_num_threads(threads)
        self._folder = TemporaryDirectory(prefix="whet-ranks-")
        meeting = os.path.join(self._folder.name, "meeting")
        self.store = dist.FileStore(meeting, wanted.ranks)
        words = [sys.executable, "-c", _BOOT.format(path=sys.path)]
        self._all = [
            subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
            for _ in range(self.num)
        ]
        for rank, process in enumerate(self._all, 1):
            self._write(process, Joining(wanted, rank, meeting, threads))
        for rank, process in enumerate(self._all, 1):
            if _pipe(process.stdout).readline() != HERE:
                self.close()
                raise RunError(f"rank {rank} of {wanted.ranks} did not start", at=AT, hint=f"leave {AT} out")
            threading.Thread(target=self._watch, args=(rank, process), daemon=True, name=f"whet-rank-{rank}").start()

    @property
    def pids(self) -> list[int]:
        """Those of the processes, in the order of ranks."""
        return [process.pid for process in self._all]

    def tell(self, message: Any) -> None:
        """Let all do the same. Raises Lost where one has ended."""
        for process in self._all:
            self._write(process, message)
        if self.lost is not None:
            raise self.lost

    def why(self, error: BaseException) -> Lost:
        """Why a step failed that all ranks make together, after which they are not together any more."""
        with self._lock:
            lost = self.lost
        for rank, process in enumerate(self._all, 1):
            if lost is None:
                try:
                    lost = _ended(rank, process.wait(_GRACE_S / self.num))
                except subprocess.TimeoutExpired:
                    continue
        self._lose(lost or _lost(f"a step failed on the first rank: {error}"))
        assert self.lost is not None
        return self.lost

    def close(self) -> None:
        """End them. Safe to call again."""
        self._is_closing = True
        for process in self._all:
            with contextlib.suppress(OSError):  # of what was written to one that has ended
                _pipe(process.stdin).close()
        for process in self._all:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if dist.is_initialized() and (self.lost is None or dist.get_backend() == "gloo"):  # nccl waits for who has gone
            dist.destroy_process_group()
        self._folder.cleanup()

    def _watch(self, rank: int, process: subprocess.Popen[bytes]) -> None:
        code = process.wait()
        if not self._is_closing:
            self._lose(_ended(rank, code))

    def _lose(self, error: Lost) -> None:
        with self._lock:
            if self.lost is not None:
                return
            self.lost = error
        self.on_lost(error)

    def _write(self, process: subprocess.Popen[bytes], message: Any) -> None:
        try:
            pickle.dump(message, _pipe(process.stdin))
            _pipe(process.stdin).flush()
        except OSError:  # it has ended, which whoever watches it tells
            pass


def lead(model: str, *, device: str, dtype: str, root: Any, ranks: int) -> tuple[Loaded, Followers]:
    """The model with the first rank's part of its weights, and the other ranks, which have theirs.

    Raises ModelError, with the arithmetic and before anything is started, for a model that does not divide.
    """
    wanted = Wanted(os.fspath(model), device, dtype, root, ranks)
    followers: list[Followers] = []

    def placed(built: Loaded, chosen: torch.device) -> Loaded:
        check(built, wanted)
        followers.append(Followers(wanted))
        return joined(built, chosen, followers[0].store, 0, ranks)

    try:
        loaded = load_model(model, device=device_of(wanted, 0), dtype=dtype, root=root, placed=placed)
    except BaseException as error:
        if not followers:
            raise
        is_of_ranks = isinstance(error, Exception) and not isinstance(error, WhetError)
        told = followers[0].why(error) if is_of_ranks else error
        followers[0].close()
        raise told from error
    return loaded, followers[0]


class Led:
    """A cache on every rank (contract: `Sequences`), of which this one is the first's."""

    def __init__(self, cache: Sequences, followers: Followers, room: Room) -> None:
        self._cache, self._followers = cache, followers
        self._told: list[tuple[str, tuple[Any, ...]]] = []
        followers.tell(room)

    @property
    def is_shared(self) -> bool:
        return self._cache.is_shared

    def begin(self, key: int, beginning: Beginning) -> int:
        return self._asked("begin", key, beginning)

    def run(self, parts: Sequence[Part]) -> list[Tensor]:
        told, self._told = [*self._told, ("run", (parts,))], []
        self._followers.tell(told)
        return self._made("run", parts)

    def leave(self, key: int, num_tokens: int) -> None:
        self._asked("leave", key, num_tokens)

    def fits(self, lengths: Mapping[int, int], more: Beginning | None = None) -> bool:
        return self._cache.fits(lengths, more)

    def spare(self, lengths: Mapping[int, int]) -> int:
        return self._cache.spare(lengths)

    def clear(self) -> None:
        self._asked("clear")

    def _asked(self, name: str, *given: Any) -> Any:
        """What the others need not do before the next step."""
        self._told.append((name, given))
        return self._made(name, *given)

    def _made(self, name: str, *given: Any) -> Any:
        """Raises Lost where it fails here: others may have done it, or wait for this rank inside."""
        try:
            return getattr(self._cache, name)(*given)
        except Exception as error:
            raise self._followers.why(error) from error


def _ended(rank: int, code: int) -> Lost:
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return _lost(f"rank {rank} of the model has ended ({how})")


def _lost(said: str) -> Lost:
    return Lost(
        f"{said}: the others have parts of the weights alone, and nothing is answered any more",
        hint="start the server anew",
    )


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
