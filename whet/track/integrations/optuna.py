"""Optuna: `study.optimize(objective, n_trials=20, callbacks=[WhetCallback()])`."""

from __future__ import annotations

from typing import Any

from whet.track.integrations.joining import joined, numbers
from whet.track.script.script_run import Run


class WhetCallback:
    """Records a study as one run: of each trial its value (`value_0`, ... of several), parameters and seconds.

    Steps are the numbers of the trials; parameters that are words go along as JSON. A callback of Optuna is anything
    that can be called, so nothing of it is imported. `settings` are arguments of `whet.track.init`.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._run: Run | None = None

    def __call__(self, study: Any, trial: Any) -> None:
        if self._run is None or not self._run.is_open:
            directions = [direction.name.lower() for direction in study.directions]
            self._run = joined({"name": study.study_name, **self._settings}, {"directions": directions})
        values = trial.values or []
        named = {"value": values[0]} if len(values) == 1 else {f"value_{n}": value for n, value in enumerate(values)}
        seconds = trial.duration.total_seconds() if trial.duration else None
        parameters = {f"params/{name}": value for name, value in trial.params.items()}
        self._run.log(
            {**named, **numbers({"seconds": seconds}), **parameters, "state": trial.state.name}, step=trial.number
        )
        if len(study.directions) == 1 and values:
            self._run.summary.update({"best_value": study.best_value, "best_params": study.best_params})
