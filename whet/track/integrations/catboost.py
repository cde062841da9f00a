"""CatBoost: `model.fit(..., eval_set=..., callbacks=[WhetCallback()])`."""

from __future__ import annotations

from typing import Any

from whet.track.integrations.joining import joined
from whet.track.script.script_run import Run


class WhetCallback:
    """Records each metric of each pool as `pool/metric`; steps are iterations, counted from 0.

    A callback of CatBoost is anything with `after_iteration`, so nothing of it is imported. `settings` are arguments
    of `whet.track.init`.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._run: Run | None = None

    def after_iteration(self, info: Any) -> bool:
        """Returns that training goes on."""
        if self._run is None or not self._run.is_open:
            self._run = joined(self._settings)
        values = {
            f"{pool}/{metric}": history[-1]
            for pool, metrics in info.metrics.items()
            for metric, history in metrics.items()
        }
        self._run.log(values, step=info.iteration - 1)
        return True
