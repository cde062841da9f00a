"""PyKEEN: `pipeline(..., result_tracker=WhetResultTracker(project="mine"))`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pykeen.trackers import ResultTracker

from whet.track.integrations.joining import joined, numbers


class WhetResultTracker(ResultTracker):
    """Records parameters and metrics of a pipeline; `settings` are arguments of `whet.track.init`."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings

    def start_run(self, run_name: str | None = None) -> None:
        named = {"name": run_name} if run_name else {}
        self._run = joined({**named, **self._settings})

    def log_params(self, params: Mapping[str, Any], prefix: str | None = None) -> None:
        self._run.config.update({f"{prefix}.{name}" if prefix else name: value for name, value in params.items()})

    def log_metrics(self, metrics: Mapping[str, Any], step: int | None = None, prefix: str | None = None) -> None:
        from whet.track.reading.rows import flat

        self._run.log(numbers(dict(flat(metrics)), f"{prefix}." if prefix else ""), step)

    def end_run(self, success: bool = True) -> None:
        self._run.finish(exit_code=int(not success))
