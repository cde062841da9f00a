"""Rollbacks: a loss that spikes sends the run back to a checkpoint of before, past the batches that made it.

What was decided lies in the run's folder, so that every later attempt leaves the same batches out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from whet.base.documents import checked, field
from whet.base.errors import RunError, WhetError
from whet.base.sealed import read_sealed, sealed
from whet.train.checkpoints.places import complete, step_of, take_away
from whet.train.run.folder import write_atomically

NAME = "rollbacks.json"
OUTCOME = "rolled_back"  # how an attempt ends that another one is to follow at once


@dataclass(frozen=True, slots=True)
class Rollback:
    """After step `at` the run went back to step `to`; the batches of steps `first` to `last` are not learned from."""

    at: int
    to: int
    first: int
    last: int
    why: str

    @property
    def words(self) -> str:
        steps = f"step {self.first} is" if self.first == self.last else f"steps {self.first} to {self.last} are"
        return f"went back from step {self.at} to {self.to}: {self.why}; the batches of {steps} left out"


def rollbacks(run: Path) -> list[Rollback]:
    """Those of a run, in the order in which they happened. Raises RunError where their record is damaged."""
    path = run / NAME
    if not path.exists():
        return []
    try:
        stored = field(read_sealed(path), "rollbacks", list, at=str(path))
        return [_rollback(checked(one, dict, at=str(path)), str(path)) for one in stored]
    except WhetError as error:
        hint = f"put it back, or rm {path}, after which the run learns from all batches again"
        raise RunError(error.message, at=str(path), hint=hint) from None


def left_out(found: Sequence[Rollback]) -> frozenset[int]:
    """The steps, counted from 1, whose batches are not learned from."""
    return frozenset(step for one in found for step in range(one.first, one.last + 1))


def decide(run: Path, checkpoints: Path, first: int, last: int, why: str) -> Rollback | None:
    """Go back before step `first`, and leave out the batches from there to `last`: later checkpoints are taken away,
    and it is written down. None where no checkpoint of before is kept, although there were some: then nothing is done.

    Without any checkpoint yet the run begins again at step 0. A run that is killed in between comes to the same alarm
    again; written down first, it would go on from a checkpoint that has learned from the batches.
    """
    found = complete(checkpoints)
    before = [path for path in found if step_of(path) < first]
    if found and not before:
        return None
    one = Rollback(last, step_of(before[-1]) if before else 0, first, last, why)
    record = [asdict(past) for past in (*rollbacks(run), one)]
    for path in found[len(before) :]:
        take_away(path)
    write_atomically(run / NAME, sealed({"rollbacks": record}))
    return one


def _rollback(stored: dict[str, object], at: str) -> Rollback:
    after, to, first, last = (field(stored, name, int, at=at) for name in ("at", "to", "first", "last"))
    return Rollback(after, to, first, last, field(stored, "why", str, at=at))
