"""`checkpoint-stall`: training stands still while checkpoints are written."""

from __future__ import annotations

from collections.abc import Iterator

from whet.base.catalogue import diagnosis
from whet.base.settings import Fraction, NonNegative, Positive
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.reading.read import Event

_KIND, _STEP = "checkpoint", "seconds"
_CURVES = "checkpoint_s", "disk/written_bytes_per_s"


@diagnosis("checkpoint-stall")
def checkpoint_stall(
    run: RecordedRun, *, share: Fraction = 0.1, least_s: NonNegative = 30.0, factor: Positive = 5.0
) -> Iterator[Finding]:
    """Training stands still while checkpoints are written.

    share: part of the run's time that went into them, at least
    least_s: seconds that went into them, or that one took longer than others do, at least
    factor: how many times their median one takes that is told by itself
    """
    import numpy as np

    events = [event for event in run.logs.events(_KIND) if event.writer == run.logs.speaker and _seconds(event) > 0]
    if not events:
        return
    took = np.array([_seconds(event) for event in events])
    series = run.series(_STEP)
    stepped = float(np.nansum(series.mean)) * run.logs.num_points(_STEP) / len(series) if len(series) else 0.0
    whole = float(took.sum())
    worst, usual = int(np.argmax(took)), float(np.median(took))
    figures = [
        Figure("all checkpoints", whole, "s"),
        Figure("share of the time", whole / max(whole + stepped, 1e-9), "share"),
        Figure("median", usual, "s"),
        Figure("slowest", float(took[worst]), "s", events[worst].step),
    ]
    about = {"count": len(events), "all_s": whole, "time_share": whole / max(whole + stepped, 1e-9), "usual_s": usual}
    about |= {"worst_s": float(took[worst]), "step": events[worst].step}
    view = run.view("system", *_CURVES)
    if whole >= least_s and about["time_share"] >= share:
        every = _every(events)
        yield Finding(
            "warning", events[0].step, events[-1].step, Message("checkpoint-stall", about),
            Message("checkpoint-stall.remedy"), f"train.checkpoint_every={4 * every}", view, figures,
        )  # fmt: skip
    elif len(events) >= 3 and took[worst] >= factor * usual and took[worst] - usual >= least_s:
        yield Finding(
            "info", events[worst].step, events[worst].step, Message("checkpoint-stall.one", about),
            Message("checkpoint-stall.one.remedy"), "df -h", view, figures,
        )  # fmt: skip


def _seconds(event: Event) -> float:
    value = event.payload.get("seconds")
    return float(value) if isinstance(value, int | float) else 0.0


def _every(events: list[Event]) -> int:
    """The usual distance between two of them in steps."""
    steps = sorted({event.step for event in events})
    gaps = sorted(b - a for a, b in zip(steps, steps[1:], strict=False))
    return max(1, gaps[len(gaps) // 2]) if gaps else max(1, steps[0])
