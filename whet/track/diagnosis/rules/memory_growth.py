"""`memory-growth`: memory of the process or of a device grows on and on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, NonNegative, Size
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.diagnosis.series import Series, smoothed

_HOST, _DEVICE = "memory/process_bytes", re.compile(r"gpu(\d+)/memory_bytes")
_PEAK = "peak_bytes"
_PARTS = 8
_MIB = 1 << 20


@diagnosis("memory-growth")
def memory_growth(
    run: RecordedRun, *, least_mib: Size = 256, share: NonNegative = 0.1, samples: Count = 16
) -> Iterator[Finding]:
    """Memory grows on and on.

    least_mib: MiB that it has grown by since it was warm, at least
    share: part of what it was then, at least
    samples: how many there are, at least
    """
    for writer in run.logs.writers:
        for name in run.logs.names(writer):
            is_device = _DEVICE.fullmatch(name) is not None
            if is_device or name == _HOST or (name == _PEAK and writer == run.logs.speaker and not _is_sampled(run)):
                series = run.series(name, writer)
                grown = _growth(series, max(samples, _PARTS))
                if grown is not None and grown[1] - grown[0] >= max(least_mib * _MIB, share * grown[0]):
                    yield _told(run, name, writer, series, grown, is_device)


def _is_sampled(run: RecordedRun) -> bool:
    return _HOST in run.logs.names()


def _growth(series: Series, samples: int) -> tuple[float, float] | None:
    """The level once it was warm (a quarter in) and at the end, where it rose all the time in between."""
    import numpy as np

    if len(series) < samples:
        return None
    warm = series.mean[len(series) // 4 :]
    levels, _ = smoothed(warm, _PARTS)
    rises = np.diff(levels)
    whole = levels[-1] - levels[0]
    late = levels[-1] - levels[_PARTS // 2]
    is_steady = (rises > 0.02 * whole).sum() >= _PARTS - 2 and late > 0.3 * whole
    return (float(levels[0]), float(levels[-1])) if whole > 0 and is_steady else None


def _told(
    run: RecordedRun, name: str, writer: str, series: Series, grown: tuple[float, float], is_device: bool
) -> Finding:
    first, last = len(series) // 4, len(series) - 1
    hours = max(float(series.times[last] - series.times[first]), 1e-9) / 3600
    a_step = (grown[1] - grown[0]) / max(int(series.steps[last] - series.steps[first]), 1)
    figures = [
        Figure(name, grown[0], "bytes", int(series.steps[first]), writer),
        Figure(name, grown[1], "bytes", int(series.steps[last]), writer),
        Figure("a step", a_step, "bytes"),
        Figure("an hour", (grown[1] - grown[0]) / hours, "bytes"),
    ]
    about = {"from_bytes": grown[0], "to_bytes": grown[1], "step_bytes": a_step, "name": name}
    which = "memory-growth.device" if is_device else "memory-growth.host"
    typed = f"echo checkpoint >> {run.folder}/controls"
    return Finding(
        "warning", int(series.steps[first]), int(series.steps[last]), Message(which, about), Message(f"{which}.remedy"),
        typed, run.view("system", name), figures,
    )  # fmt: skip
