"""Ray: `tune.RunConfig(callbacks=[WhetCallback(project="mine")])`; each trial is a run, grouped by experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ray.tune.logger import LoggerCallback

from whet.track.integrations.joining import numbers
from whet.track.reading.rows import flat
from whet.track.script.api import init
from whet.track.script.script_run import Run


class WhetCallback(LoggerCallback):
    """Records every result that a trial reports, its config, and how it ended. Steps are `training_iteration`.

    `settings` are arguments of `whet.track.init`. Words of Ray about itself (`pid`, `node_ip`, ...) are left out.
    """

    def __init__(self, **settings: Any) -> None:
        # Trials are started from another folder than that of the script.
        self._settings = {**settings, "dir": Path(settings.get("dir") or "runs").absolute()}
        self._runs: dict[str, Run] = {}

    def log_trial_start(self, trial: Any) -> None:
        if trial.trial_id in self._runs:
            return
        settings = {"group": Path(trial.local_experiment_path).name, **self._settings}
        self._runs[trial.trial_id] = init(**settings, name=trial.trial_id, config=trial.config, reinit="create_new")

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        self.log_trial_start(trial)
        told = {name: value for name, value in result.items() if name not in ("config", "pid", "date", "timestamp")}
        self._runs[trial.trial_id].log(numbers(dict(flat(told))), step=result.get("training_iteration", iteration))

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        run = self._runs.pop(trial.trial_id, None)
        if run is not None:
            run.finish(error="the trial failed" if failed else None)
