"""A run that records nothing, for `mode="disabled"`: it takes every call, in a folder that is gone with the process."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from whet.track.logs.event_log import EventLog
from whet.track.script.script_run import Run


class _NoLog(EventLog):
    """Takes everything and writes nothing."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="whet-disabled-")))
        weakref.finalize(self, shutil.rmtree, self.path.parent, ignore_errors=True)

    def _add(self, step: int, data: bytes) -> bool:
        return True


def disabled_run(about: Mapping[str, Any]) -> Run:
    """A run in a temporary folder, of which nothing is kept."""
    log = _NoLog()
    return Run(log.path.parent, log, about, {})
