"""fastai: `learn.fit(3, cbs=WhetCallback())`, or in the Learner's own `cbs`."""

from __future__ import annotations

from typing import Any

from fastai.callback.core import Callback
from fastai.learner import Recorder

from whet.track.integrations.joining import joined, numbers


class WhetCallback(Callback):
    """Records loss and rates of each batch (`train/...`) and what the Recorder says of each epoch.

    Steps are batches, from 1 on. `settings` are arguments of `whet.track.init`.
    """

    order = Recorder.order + 1

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings, self._step = settings, 0

    def before_fit(self) -> None:
        config = {"model": type(self.learn.model).__name__, "epochs": self.learn.n_epoch}
        self._run = joined(self._settings, config)

    def after_batch(self) -> None:
        if self.learn.training:
            self._step += 1
            rates = {
                f"{name}_{n}": value for n, group in enumerate(self.learn.opt.hypers) for name, value in group.items()
            }
            told = {"loss": self.learn.loss.detach(), "smooth_loss": self.learn.smooth_loss, **numbers(rates)}
            self._run.log({f"train/{name}": value for name, value in told.items()}, step=self._step)

    def after_epoch(self) -> None:
        names, values = self.learn.recorder.metric_names, self.learn.recorder.log
        self._run.log(numbers(dict(zip(names, values, strict=False))), step=self._step)
