"""`throttling`: a device slows itself down, or the container's share of processors is used up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from whet.base.catalogue import diagnosis
from whet.base.settings import Count, Fraction, NonNegative
from whet.track.diagnosis.finding import Figure, Finding, Message
from whet.track.diagnosis.recorded_run import RecordedRun
from whet.track.diagnosis.series import Series

if TYPE_CHECKING:
    import numpy as np

_DEVICE, _GROUP = re.compile(r"(gpu\d+)/throttled"), "cgroup/throttled_s"


@diagnosis("throttling")
def throttling(
    run: RecordedRun, *, share: Fraction = 0.2, least_s: NonNegative = 60.0, samples: Count = 5
) -> Iterator[Finding]:
    """A device, or the container's processors, are slowed down.

    share: part of the time that is so, at least
    least_s: seconds that are so, at least
    samples: how many there are, at least
    """
    for writer in run.logs.writers:
        for name in run.logs.names(writer):
            series = run.series(name, writer)
            if (device := _DEVICE.fullmatch(name)) and len(series) >= samples:
                slow, whole = _held(series)
                if slow >= max(least_s, share * whole):
                    yield _of_device(run, device[1], writer, series, slow, whole)
            elif name == _GROUP and len(series) >= samples:
                waited, whole = _counted(series)
                if waited >= max(least_s, share * whole):
                    yield _of_group(run, series, writer, waited, whole)


def _held(series: Series) -> tuple[float, float]:
    """Seconds in which it was throttled, and of all samples; pauses between attempts are left out."""
    seconds = _seconds(series)
    return float((seconds * (series.mean[1:] > 0) * series.mean[1:].clip(0, 1)).sum()), float(seconds.sum())


def _counted(series: Series) -> tuple[float, float]:
    """By how much a counter has grown, in seconds, and the time meanwhile; one that begins anew counts from there."""
    import numpy as np

    grown = np.diff(series.mean)
    return float(np.where(grown > 0, grown, 0.0).sum()), float(_seconds(series).sum())


def _seconds(series: Series) -> np.ndarray:
    import numpy as np

    gaps = np.diff(series.times)
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    return np.where((gaps > 0) & (gaps < 20 * max(usual, 1e-9)), gaps, 0.0)


def _of_device(run: RecordedRun, device: str, writer: str, series: Series, slow: float, whole: float) -> Finding:
    import numpy as np

    figures = [Figure("throttled", slow, "s", writer=writer), Figure("share of the time", slow / whole, "share")]
    for name, unit in (("temperature_c", "°C"), ("power_w", "W"), ("clock_mhz", "MHz")):
        other = run.series(f"{device}/{name}", writer)
        if len(other):
            figures.append(Figure(f"{device}/{name}, highest", float(np.nanmax(other.high)), unit, writer=writer))
    about = {"device": device, "slow_s": slow, "time_share": slow / whole}
    return Finding(
        "warning", int(series.steps[0]), int(series.steps[-1]), Message("throttling.device", about),
        Message("throttling.device.remedy"), "nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER",
        run.view("system", *(f"{device}/{name}" for name in ("throttled", "temperature_c", "clock_mhz"))), figures,
    )  # fmt: skip


def _of_group(run: RecordedRun, series: Series, writer: str, waited: float, whole: float) -> Finding:
    figures = [Figure(_GROUP, waited, "s", writer=writer), Figure("time", whole, "s")]
    return Finding(
        "warning", int(series.steps[0]), int(series.steps[-1]),
        Message("throttling.group", {"slow_s": waited, "whole_s": whole}), Message("throttling.group.remedy"),
        "cat /sys/fs/cgroup/cpu.max", run.view("system", _GROUP, "cpu/process_percent"), figures,
    )  # fmt: skip
