"""`data-stall`: steps wait for their data."""

from __future__ import annotations

from collections.abc import Iterator

from whet.base.catalogue import diagnosis
from whet.base.settings import Fraction, NonNegative
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun

_WAIT, _DATA, _STEP = "wait_s", "data_s", "seconds"


@diagnosis("data-stall")
def data_stall(run: RecordedRun, *, share: Fraction = 0.25, least_s: NonNegative = 10.0) -> Iterator[Finding]:
    """Steps wait for their data.

    share: part of the time of all steps that is waited, at least
    least_s: seconds that were waited in all, at least
    """
    import numpy as np

    wait, data, step = (run.series(name) for name in (_WAIT, _DATA, _STEP))
    if run.waits_for_answers or not len(wait) or len(wait) != len(step):
        return
    num = run.logs.num_points(_WAIT) / len(wait)  # steps of a bucket
    waited, spent = float(np.nansum(wait.mean)) * num, float(np.nansum(step.mean)) * num
    if spent <= 0 or waited < least_s or waited / spent < share:
        return
    worst = int(np.nanargmax(wait.high))
    fetched = float(np.nanmean(data.mean)) if len(data) else float("nan")
    computed = float(np.nanmean(step.mean - wait.mean))
    figures = [
        Figure("waited", waited, "s"),
        Figure("share of the time", waited / spent, "share"),
        Figure("longest wait", float(wait.high[worst]), "s", int(wait.steps[worst])),
        Figure("to make a step's data", fetched, "s"),
        Figure("to learn from it", computed, "s"),
    ]
    is_streaming = run.config.get("data.streaming") is True
    remedy, typed = (
        ("data-stall.stream", "data.streaming=false")
        if is_streaming
        else ("data-stall.remedy", "WHET_CACHE=/local/disk")
    )
    about = {"waited_s": waited, "time_share": waited / spent, "fetch_s": fetched, "compute_s": computed}
    yield Finding(
        "warning", int(wait.first_steps[0]), int(wait.steps[-1]), Message("data-stall", about), Message(remedy), typed,
        run.view("system", _WAIT, _DATA, _STEP), figures,
    )  # fmt: skip
