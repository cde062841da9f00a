"""XGBoost: `xgboost.train(..., evals=[...], callbacks=[WhetCallback()])`, or `XGBClassifier(callbacks=[...])`."""

from __future__ import annotations

import json
from typing import Any

from xgboost.callback import TrainingCallback

from whet.track.integrations.joining import joined


class WhetCallback(TrainingCallback):
    """Records each metric of each evaluation set as `set/metric`; steps are boosting rounds.

    The booster's parameters go into the config, the importance of features by gain into the summary. `settings` are
    arguments of `whet.track.init`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings

    def before_training(self, model: Any) -> Any:
        self._run = joined(self._settings, {"booster": json.loads(model.save_config())["learner"]})
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        values = {
            f"{data}/{metric}": _last(history[-1])
            for data, metrics in evals_log.items()
            for metric, history in metrics.items()
        }
        self._run.log(values, step=epoch)
        return False

    def after_training(self, model: Any) -> Any:
        if hasattr(model, "get_score"):  # not that of a cross-validation
            self._run.summary.update({"importance": model.get_score(importance_type="gain")})
        return model


def _last(value: Any) -> float:
    """A value; of a cross-validation, which gives mean and deviation, the mean."""
    return float(value[0] if isinstance(value, tuple) else value)
