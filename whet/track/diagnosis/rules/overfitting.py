"""`overfitting`: the loss on what is held out rises while that of training falls."""

from __future__ import annotations

from collections.abc import Iterator

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, NonNegative
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.diagnosis.series import Series, middle


@diagnosis("overfitting")
def overfitting(
    run: RecordedRun, *, rise: NonNegative = 0.1, fall: NonNegative = 0.03, evaluations: Count = 3
) -> Iterator[Finding]:
    """What is held out gets worse while training gets better.

    rise: by which part of its best value the held-out loss has risen, at least
    fall: by which part the training loss has fallen meanwhile, at least
    evaluations: how many were worse than the best since it, at least
    """
    import numpy as np

    held, train = run.series(run.held_out), run.series(run.loss)
    values = held.mean[np.isfinite(held.mean)] if len(held) else held.mean
    if len(values) < evaluations + 1 or len(values) != len(held) or not run.has_level or len(train) < 2 * evaluations:
        return
    best = int(np.argmin(values))
    after = np.diff(values[best:])
    low, end = float(values[best]), middle(values[-2:])
    if len(after) < evaluations or low <= 0 or end < (1 + rise) * low or (after > 0).mean() < 0.7:
        return
    at, last = int(held.steps[best]), int(held.steps[-1])
    was, now = _around(train, at), _around(train, last)
    if not now < (1 - fall) * was:
        return
    figures = [
        Figure(str(run.held_out), low, step=at),
        Figure(str(run.held_out), float(values[-1]), step=last),
        Figure(f"{run.loss}, median around the step", was, step=at),
        Figure(f"{run.loss}, median around the step", now, step=last),
    ]
    about = {"step": at, "low": low, "last": float(values[-1]), "was": was, "now": now}
    yield Finding(
        "warning", at, last, Message("overfitting", about), Message("overfitting.remedy", {"step": at}),
        "evaluate.early_stop=3", run.view("charts", run.loss, run.held_out), figures,
    )  # fmt: skip


def _around(series: Series, step: int) -> float:
    """The median of a curve in the tenth of it around a step."""
    import numpy as np

    steps, values = series.steps, series.mean
    place, half = int(np.searchsorted(steps, step)), max(3, len(steps) // 20)
    return middle(values[max(0, min(place, len(steps)) - half) : place + half])
