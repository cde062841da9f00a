"""gensim: `Word2Vec(..., compute_loss=True, callbacks=[WhetCallback()])`."""

from __future__ import annotations

from typing import Any

from gensim.models.callbacks import CallbackAny2Vec

from whet.track.integrations.joining import joined


class WhetCallback(CallbackAny2Vec):
    """Records the loss of each epoch (gensim keeps their sum) and the rate; `settings` are arguments of `init`."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._epoch, self._before = 0, 0.0

    def on_train_begin(self, model: Any) -> None:
        self._epoch, self._before = 0, 0.0
        config = {
            "vector_size": model.vector_size,
            "window": model.window,
            "epochs": model.epochs,
            "alpha": model.alpha,
        }
        self._run = joined(self._settings, {"model": type(model).__name__, **config})

    def on_epoch_end(self, model: Any) -> None:
        total = float(model.get_latest_training_loss())
        values = {"loss": total - self._before, "total_loss": total, "alpha": float(model.min_alpha_yet_reached)}
        self._run.log(values, step=self._epoch)
        self._epoch, self._before = self._epoch + 1, total

    def __getstate__(self) -> dict[str, Any]:
        """A model is saved with its callbacks; a run is not."""
        return {name: value for name, value in vars(self).items() if name != "_run"}
