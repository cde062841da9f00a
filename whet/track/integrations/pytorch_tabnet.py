"""pytorch-tabnet: `model.fit(..., callbacks=[WhetCallback()])`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytorch_tabnet.callbacks import Callback

from whet.track.integrations.joining import joined, numbers


class WhetCallback(Callback):
    """Records loss, rate and held-out metrics of each epoch; `settings` are arguments of `whet.track.init`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = settings

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._run = joined(self._settings, numbers(vars(self.trainer)))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._run.log(numbers(self.trainer.history.epoch_metrics), step=epoch)
