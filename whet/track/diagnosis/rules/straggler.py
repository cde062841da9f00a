"""`straggler`: one rank is slower than the others, which wait for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, Fraction, NonNegative, Positive
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.logs.frames import rank_writer

if TYPE_CHECKING:
    import numpy as np

# What a rank does by itself; without any of them its whole step, as scripts tell it.
_OWN, _WHOLE = ("wait_s", "forward_s", "backward_s", "update_s"), "seconds"
_RECENT = 2000


@diagnosis("straggler")
def straggler(
    run: RecordedRun, *, factor: Positive = 1.25, often: Fraction = 0.7, steps: Count = 20, least_s: NonNegative = 5.0
) -> Iterator[Finding]:
    """One rank is slower than the others.

    factor: how many times the median of the others its median step takes, at least
    often: share of the steps in which it is the slowest of all
    steps: how many all ranks have told of, at least
    least_s: seconds that all of its steps took longer
    """
    import numpy as np

    ranks = run.logs.ranks
    if len(ranks) < 2:
        return
    at, times = _times(run, ranks)
    if len(at) < steps:
        return
    medians = np.median(times, axis=1)
    slow = int(np.argmax(medians))
    others = float(np.median(np.delete(medians, slow)))
    excess = times[slow] - np.median(np.delete(times, slow, axis=0), axis=0)
    is_last = float((times.argmax(axis=0) == slow).mean())
    lost = float(np.maximum(excess, 0).sum())
    if others <= 0 or medians[slow] < factor * others or is_last < often or lost < least_s:
        return
    rank = ranks[slow]
    figures = [
        Figure("median step of the rank", float(medians[slow]), "s", writer=rank_writer(rank)),
        Figure("median step of the others", others, "s"),
        Figure("share of steps in which it is the slowest", is_last, "share"),
        Figure("waited for it", lost, "s"),
    ]
    about = {"rank": rank, "rank_s": float(medians[slow]), "others_s": others, "lost_s": lost}
    yield Finding(
        "warning", int(at[0]), int(at[-1]), Message("straggler", about), Message("straggler.remedy", {"rank": rank}),
        f"whet show {run.name} --console --rank {rank}", "system", figures,
    )  # fmt: skip


def _times(run: RecordedRun, ranks: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Steps (n,) that all ranks tell of, the newest, and what each took by itself (ranks, n) in seconds."""
    import numpy as np

    last = run.logs.last_step or 0
    names = [name for name in _OWN if name in run.logs.names()] or [_WHOLE]
    found = []
    for rank in ranks:
        own: dict[int, float] = {}
        for name in names:
            steps, values = run.window(name, last - _RECENT, last, rank_writer(rank))
            for step, value in zip(steps.tolist(), values.tolist(), strict=True):
                own[step] = own.get(step, 0.0) + value
        found.append(own)
    at = sorted(set.intersection(*(set(own) for own in found)))
    return np.array(at), np.array([[own[step] for step in at] for own in found])
