"""Kept: the findings of runs, found anew only where a run has logged more."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from whet.track.diagnosis.diagnose import diagnose
from whet.track.diagnosis.finding import Finding
from whet.track.diagnosis.recorded_run import RecordedRun

_KEPT = 256


@dataclass(frozen=True, slots=True)
class _Known:
    offsets: Mapping[str, int]
    found: list[Finding]
    is_whole: bool


class Kept:
    """Findings by run folder. Each run is read on its own, so nobody waits for another's long one."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, folder: Path) -> tuple[list[Finding], bool]:
        """The findings of a run, and whether rules that go over all rows were asked: once it is over."""
        run = RecordedRun(folder)
        offsets, is_live = run.logs.offsets, run.is_live
        with self._lock:
            known = self._known.get(folder)
        if known is None or known.offsets != offsets or known.is_whole == is_live:
            known = _Known(offsets, diagnose(run, is_live=is_live), not is_live)
            with self._lock:
                self._known[folder] = known
                while len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return list(known.found), known.is_whole
