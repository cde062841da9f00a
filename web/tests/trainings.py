"""Real trainings of a tiny model in which something goes wrong, made in one process: `python trainings.py FOLDER`.

leaping   one row is no language: the loss leaps; tokens one by one, answers over steps, samples of the machine, console
spoilt    a weight becomes NaN half way
leaking   two of the rows that are measured are trained too
ranks     two ranks over gloo, of which the second is slow
meshed    four ranks as shard 2 x tensor 2
ended     killed by SIGKILL at a step, which its launcher tells
seed-1 ... seed-4   alike in all but their seed, the last with another rate, each measured on rows that are held out
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.nursery import Child, open_nursery
from tests.ranks import on_ranks
from tests.tiny import LLAMA, config, sentence, tokenizer, write_rows
from tests.track.diagnosis.failing import GARBAGE, unlike
from whet.base.config import from_mapping
from whet.track.logs.announced import VARIABLE, opened
from whet.track.logs.ending import cause_of, tell
from whet.track.reading.store import LOGS
from whet.train.api import train
from whet.train.build import Built
from whet.train.record.build import console_of

Fault = Callable[[Built], None]
LEAP_ROW, NAN_STEP, KILL_STEP = 130, 12, 9


def main(root: Path) -> None:
    torch.set_num_threads(1)
    work = Path(tempfile.mkdtemp())
    tokenizer(work / "tokenizer")
    write_rows(work / "rows.jsonl", unlike(60))
    for name, make in {
        "leaping": leaping,
        "spoilt": spoilt,
        "leaking": leaking,
        "ranks": ranks,
        "meshed": meshed,
        "ended": ended,
        **{f"seed-{seed}": partial(seeded, seed=seed) for seed in (1, 2, 3, 4)},
    }.items():
        if not (root / name).exists():
            make(root, work)


def made(root: Path, work: Path, name: str, fault: Fault | None = None, **sections: Any) -> None:
    """A training from its start to its end, recorded as `whet train` does it, with a fault."""

    def beside(built: Built) -> AbstractContextManager[object]:
        if fault is not None:
            fault(built)
        return console_of(built.trained.run.track, built.folder.path / LOGS, built.world, built.loop.step)

    track = {"folder": str(root), "sinks": ["log", "terminal"], **sections.pop("track", {})}
    length = {"steps": 24, "checkpoint_every": 1000, **sections.pop("train", {})}
    train(from_mapping(config(work, name=name, train=length, track=track, **sections)), while_running=beside)


def leaping(root: Path, work: Path) -> None:
    """Rows of six sentences in order, and one among them of signs that no other has."""
    rows = [{"instruction": sentence(i % 6, 4), "input": "", "output": sentence(i % 6 + 1, 8)} for i in range(200)]
    rows[LEAP_ROW] = {"instruction": "say", "input": "", "output": GARBAGE}
    data = {"train": [str(write_rows(work / "spiked.jsonl", rows))], "shuffle": False, "window_steps": 1}
    made(
        root, work, "leaping", data=data, train={"steps": 40, "batch_tokens": None, "batch_samples": 5},
        evaluate={"prompts": [sentence(3, 4)], "every": 10, "max_new_tokens": 12},
        track={"tokens_every": 5, "environment": True, "hardware_every_s": 0.1},
    )  # fmt: skip


def spoilt(root: Path, work: Path) -> None:
    def spoil(built: Built) -> None:
        def break_weight() -> None:
            built.loaded.module.model.layers[1].mlp.up_proj.weight.data[3, 3] = torch.nan

        at_step(built, NAN_STEP, break_weight)

    made(root, work, "spoilt", spoil, track={"layers_every": 1})


def leaking(root: Path, work: Path) -> None:
    rows = unlike(60)
    held = write_rows(work / "held.jsonl", [rows[7], rows[23], *unlike(6, start=100)])
    made(root, work, "leaking", data={"train": [str(work / "rows.jsonl")], "held_out": [str(held)]})


def seeded(root: Path, work: Path, seed: int) -> None:
    held = write_rows(work / "unseen.jsonl", unlike(8, start=200))
    made(
        root, work, f"seed-{seed}", seed=seed, data={"held_out": [str(held)]}, train={"steps": 40},
        optimizer={"lr": 3e-3 if seed == 4 else 1e-2}, evaluate={"every": 8},
    )  # fmt: skip


def ranks(root: Path, work: Path) -> None:
    on_ranks(2, partial(made, root, work, "ranks", slow, train={"steps": 20}))


def slow(built: Built) -> None:
    executor = built.trained.executor
    object.__setattr__(executor, "objective", Slow(executor.objective, 0.06 * built.world.index("all")))


def meshed(root: Path, work: Path) -> None:
    model = {"init": {**LLAMA, "num_key_value_heads": 4}, "tokenizer": str(work / "tokenizer")}
    mesh = {"shard": 2, "tensor": 2, "timeout_s": 120}
    on_ranks(4, partial(made, root, work, "meshed", model=model, train={"steps": 8}, parallel=mesh))


class Slow:
    """An objective that takes its time, behind what ranks wait in for each other."""

    def __init__(self, usual: Any, seconds: float) -> None:
        self._usual, self._seconds = usual, seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._usual, name)

    def __call__(self, *arguments: Any) -> Any:
        found = self._usual(*arguments)
        time.sleep(self._seconds)
        return found


def ended(root: Path, work: Path) -> None:
    """What `whet.track.launch` does, with a fork in place of a new process."""
    notes = work / "launched"
    Child(partial(made, root, work, "ended", end), {VARIABLE: str(notes)}).wait()
    for log in opened(notes):
        tell(log, cause_of(-signal.SIGKILL))


def end(built: Built) -> None:
    at_step(built, KILL_STEP, lambda: os.kill(os.getpid(), signal.SIGKILL))


def at_step(built: Built, step: int, do: Callable[[], None]) -> None:
    """Have something done as a step begins."""
    usual = built.loop.schedule

    def schedule(at: int, total: int) -> float:
        if at == step:
            do()
        return usual(at, total)

    built.loop.schedule = schedule


if __name__ == "__main__":
    open_nursery()
    main(Path(sys.argv[1]))
