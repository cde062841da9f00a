"""Ranks that hang end in seconds, and say who waits where."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from tests.nursery import Child
from whet.train.ranks import pulse, whereabouts
from whet.train.ranks import watch as watch_module
from whet.train.ranks.notes import FOLDER, take_word
from whet.train.ranks.pulse import Beating, Pulse
from whet.train.ranks.watch import Watch
from whet.train.ranks.whereabouts import Whereabouts

HANG_S = 0.8
LONG_S = 60.0


# Where rank 1 stays, while rank 0 waits in all_reduce.
PLACES = {"another collective": "recv", "its own code": "test_watch.py", "stopped": ""}


def hanging(run: Path, rank: int, way: str) -> None:
    """A rank whose collective never comes together, since the other one does something else."""
    sys.stderr = (run / f"said-{rank}").open("w", buffering=1)
    pulse.LOOK_S, pulse.TELL_S, whereabouts._OVER_S = 0.02, 0.05, 0.1
    dist.init_process_group("gloo")
    watch = Watch(run, rank, "a", 2, HANG_S, is_gpu=False)
    are_there = threading.Event()

    def told(own: Pulse) -> None:  # on a busy machine it may take some time until each is at its place
        pulses = [pulse.read(run, number, "a") for number in range(2)]
        if all(one and word in one.place for one, word in zip(pulses, ("all_reduce", PLACES[way]), strict=True)):
            are_there.set()
        if are_there.is_set():
            watch.told(own)

    Beating(run, rank, "a", 2, lambda: (16, "backward"), told)
    while len(list((run / FOLDER).glob("*.json"))) < 2:
        time.sleep(0.005)
    if rank == 0:
        dist.all_reduce(torch.ones(3))
    elif way == "another collective":
        dist.recv(torch.ones(3), src=0, tag=5)
    elif way == "its own code":
        threading.Event().wait(LONG_S)
    else:
        os.kill(os.getpid(), signal.SIGSTOP)


def on_two(work: Callable[..., Any], run: Path, *given: Any) -> list[Child]:
    """`work(run, rank, *given)` on two ranks that torch.distributed sees."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    return [Child(partial(work, run, rank, *given), {**shared, "RANK": str(rank)}) for rank in range(2)]


@pytest.mark.ranks
@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("another collective", ["waits in recv", "(backward of step 17)"]),
        ("its own code", ["is at", "test_watch.py"]),
        ("stopped", ["rank 1 gives no sign"]),
    ],
)
def test_a_hang_ends_the_run_and_names_rank_and_place(tmp_path, way, words):
    children = on_two(hanging, tmp_path, way)
    assert children[0].wait() is None  # it left in the middle of its collective
    said = (tmp_path / "said-0").read_text() + (tmp_path / "said-1").read_text()
    assert "error: the run hangs" in said and "hint: whet train" in said
    assert "waits in all_reduce at" in said and all(word in said for word in words), said
    assert "the run hung: " in str(take_word(tmp_path)) and take_word(tmp_path) is None
    assert "all_reduce" in (tmp_path / FOLDER / "stacks-00000.txt").read_text()
    children[1].kill()
    with suppress(AssertionError):  # its collective has failed since the other one left
        children[1].wait()


def dawdling(run: Path, rank: int) -> str | None:
    """Two ranks add up in turn; the second one is late each time. What the first has to say of it, once it has."""
    pulse.LOOK_S, pulse.TELL_S, watch_module._SLOW_EVERY_S = 0.002, 0.05, 0.3
    dist.init_process_group("gloo")
    watch = Watch(run, rank, "a", 2, LONG_S, is_gpu=False)
    beating, heard, said = Beating(run, rank, "a", 2, lambda: (16, "update"), watch.told), torch.zeros(1), list[str]()
    while not heard:
        said += watch.heard()
        heard = torch.tensor([float(bool(said))])
        if rank == 1:
            time.sleep(0.01)
        dist.all_reduce(heard)
    beating.close()
    return said[0] if said else None


@pytest.mark.ranks
def test_a_slow_rank_is_named_while_it_runs(tmp_path):
    said, nothing = [child.wait() for child in on_two(dawdling, tmp_path)]
    assert nothing is None and said.startswith("rank 1 (pid ") and "is slow: the others wait" in said


def test_a_thread_that_moves_or_computes_is_not_still():
    """One that waits is, wherever it is; only the process's own use of processors tells a long call from a wait."""
    ended, spinning = threading.Event(), threading.Event()
    waits = threading.Thread(target=ended.wait, daemon=True)

    def spin() -> None:
        while not ended.is_set():
            spinning.set()

    moves = threading.Thread(target=spin, daemon=True)
    waits.start()
    quiet = Whereabouts(waits)
    quiet.look("x")
    time.sleep(0.05)
    assert not quiet.look("x").is_waiting and quiet.still_s >= 0.05
    assert "wait" in quiet.look("x").words
    quiet.look("y")  # it says that it does something else
    assert quiet.still_s == 0.0
    moves.start()
    spinning.wait()
    busy, stills = Whereabouts(moves), []
    for _ in range(20):
        busy.look("x")
        stills.append(busy.still_s)
        time.sleep(0.005)
    ended.set()
    assert min(stills[1:]) < 0.01


def test_a_pulse_of_another_attempt_is_not_read(tmp_path):
    told = threading.Event()
    beating = Beating(tmp_path, 0, "new", 1, lambda: (4, "forward"), lambda own: told.set())
    assert told.wait(LONG_S)
    assert pulse.read(tmp_path, 0, "old") is None
    found = pulse.read(tmp_path, 0, "new")
    assert (found.rank, found.step, found.phase, found.pid) == (0, 4, "forward", os.getpid())
    beating.close()
    assert not (tmp_path / FOLDER).exists()


def test_a_rank_that_has_ended_says_so_and_the_last_one_cleans_up(tmp_path):
    one, other = (Beating(tmp_path, rank, "a", 2, lambda: (4, "result")) for rank in range(2))
    one.close()
    assert pulse.read(tmp_path, 0, "a").phase == pulse.ENDED
    other.close()
    assert not (tmp_path / FOLDER).exists()
