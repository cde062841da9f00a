"""LightGBM: `lightgbm.train(..., valid_sets=[...], callbacks=[WhetCallback()])`, also of its scikit-learn classes."""

from __future__ import annotations

from typing import Any

from whet.track.integrations.joining import joined
from whet.track.script.script_run import Run


class WhetCallback:
    """Records each metric of each evaluation set as `set/metric`; steps are boosting rounds.

    A callback of LightGBM is anything that can be called, so nothing of it is imported. `settings` are arguments of
    `whet.track.init`.
    """

    order = 25
    before_iteration = False

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._run: Run | None = None

    def __call__(self, env: Any) -> None:
        if self._run is None or not self._run.is_open:
            self._run = joined(self._settings, env.params)
        self._run.log({f"{one[0]}/{one[1]}": float(one[2]) for one in env.evaluation_result_list}, step=env.iteration)
