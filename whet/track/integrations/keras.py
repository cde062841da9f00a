"""Keras 3, on any backend: `model.fit(..., callbacks=[WhetCallback()])`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras.callbacks import Callback

from whet.track.integrations.joining import joined, numbers


class WhetCallback(Callback):
    """Records the logs of each epoch, and with `batches=N` those of each N-th batch as `batch/...`.

    Epochs are the steps; of batches they are the batches so far. `settings` are arguments of `whet.track.init`.
    """

    def __init__(self, batches: int = 0, **settings: Any) -> None:
        super().__init__()
        self._every, self._settings = batches, settings
        self._num_batches = 0

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._run = joined(self._settings, {**self.params, "model": self.model.name})

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._num_batches += 1
        if self._every and self._num_batches % self._every == 0:
            self._run.log(numbers(logs or {}, "batch/"), step=self._num_batches)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        rate = getattr(self.model.optimizer, "learning_rate", None)
        found = numbers({**(logs or {}), "learning_rate": rate})
        self._run.log(found, step=epoch)
