"""What is done when no memory is left: changes of the config that would take less are told, each with its peak, and of
several ranks all begin anew with fewer tokens at once."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path

from whet.base.errors import OutOfMemory, WhetError
from whet.base.units import size
from whet.plan.decide import levers
from whet.plan.memory import plan_memory
from whet.train.loop import in_general
from whet.train.ranks.notes import leave_word
from whet.train.run.capacity import Capacity, note
from whet.train.setup.foretold import job_of
from whet.train.setup.trained import Trained

NUM_LEVERS = 3


def relief_of(trained: Trained, longest: int) -> Callable[[int], str]:
    """What to type, for a run that ran out of memory with so many tokens at once."""
    return partial(_relief, trained, longest)


def begin_anew(run: Path, tokens: int, words: str) -> OutOfMemory:
    """What ends an attempt on every rank, once it is noted that the next one takes so many tokens at once."""
    note(run, Capacity(tokens, words))
    leave_word(run, words)
    hint = f"whet train {shlex.quote(str(run))}, which goes on from its last checkpoint with so many"
    return OutOfMemory(words, hint=hint)


def _relief(trained: Trained, longest: int, micro_batch: int) -> str:
    try:
        job = job_of(trained, micro_batch, longest)
        if job is None:
            return in_general(micro_batch)
        now, found = plan_memory(job).peak.total, levers(job)[:NUM_LEVERS]
    except WhetError:  # sizes that no plan is made for
        return in_general(micro_batch)
    if not found:
        return in_general(micro_batch)
    told = [f"{lever.setting} ({size(lever.peak)} at the peak)" for lever in found]
    return f"{', or '.join(told)}, where {size(now)} were planned"
