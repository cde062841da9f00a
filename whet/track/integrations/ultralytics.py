"""Ultralytics: `attach(model)` before `model.train(...)`."""

from __future__ import annotations

from typing import Any

from whet.track.integrations.joining import joined, numbers


def attach(model: Any, **settings: Any) -> None:
    """Record the losses, rates and held-out metrics of each epoch of a YOLO, and its arguments as the config.

    Steps are epochs, from 1 on; the last, of the best weights once more, is told as Ultralytics does. `settings` are
    arguments of `whet.track.init`.
    """

    def begin(trainer: Any) -> None:
        joined(settings, vars(trainer.args))

    def trained(trainer: Any) -> None:
        losses = trainer.label_loss_items(trainer.tloss, prefix="train")
        joined(settings).log(numbers({**losses, **trainer.lr}), step=trainer.epoch + 1)

    def held_out(trainer: Any) -> None:
        joined(settings).log(numbers(trainer.metrics), step=trainer.epoch + 1)

    model.add_callback("on_pretrain_routine_start", begin)
    model.add_callback("on_train_epoch_end", trained)
    model.add_callback("on_fit_epoch_end", held_out)
