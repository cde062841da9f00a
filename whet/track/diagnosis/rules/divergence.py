"""`divergence`: the loss rises and stays up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, Fraction, Positive
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.diagnosis.series import middle, noise, smoothed

if TYPE_CHECKING:
    import numpy as np

_PARTS = 50


@diagnosis("divergence")
def divergence(
    run: RecordedRun,
    *,
    factor: Positive = 1.3,
    given_back: Fraction = 0.4,
    deviations: Positive = 6.0,
    steps: Count = 20,
) -> Iterator[Finding]:
    """The loss rises for good.

    factor: how many times its best level it ends at, at least
    given_back: how much of what was gained it gives back, at least
    deviations: how far above the best level, in deviations of its noise, at least
    steps: how many the run has had, at least
    """
    import numpy as np

    series = run.series(run.loss)
    if len(series) < steps or not run.has_level:
        return
    values = np.where(np.isfinite(series.mean), series.mean, np.nan)
    parts, edges = smoothed(values, min(_PARTS, len(values) // 4))
    known = np.flatnonzero(np.isfinite(parts))
    if len(known) < 4:
        return
    best = int(known[np.argmin(parts[known])])
    low, end, start = float(parts[best]), middle(parts[known[-2:]]), middle(values[: max(3, len(values) // 50)])
    uncertain = deviations * noise(parts[known])
    above = parts[best:] > low + max((factor - 1) * low, 0.0)
    if best >= known[-1] or end < factor * low or end - low < max(uncertain, given_back * (start - low)):
        return
    if not _stays(above):
        return
    left = best + int(np.argmax(above))
    rate = run.config.get("optimizer.lr")
    typed = f"optimizer.lr={rate / 3:.3g}" if isinstance(rate, int | float) and rate > 0 else "train.clip=0.5"
    first = int(series.first_steps[edges[left]])
    best_at = int(series.first_steps[edges[best]])
    figures = [
        Figure("loss", end, step=int(series.steps[-1])),
        Figure("best level", low, step=best_at),
        Figure("level at the start", start),
    ]
    about = {"step": first, "loss": end, "level": low, "best": best_at}
    yield Finding(
        "error", first, int(series.steps[-1]), Message("divergence", about), Message("divergence.remedy"), typed,
        run.view("charts", run.loss, run.norm, run.rate), figures,
    )  # fmt: skip


def _stays(above: np.ndarray) -> bool:
    """Whether it is up at the last, and in most parts since it left its level."""
    since = above[int(above.argmax()) :]
    return bool(above[-1] and since.mean() > 0.8)
